//! What was typed, as an order.

use anklume_bus::{Options, Order, Verb};
use anklume_release::Rate;

use crate::cli::{ActivateArgs, HoldArgs, UpdateArgs, UpdateCommand, UpdateOptions};
use anklume_failure::{Failure, Kind};

/// An order, and how its answer is shown.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) order: Order,
    pub(super) json: bool,
}

pub(super) fn wanted(args: UpdateArgs) -> Result<Wanted, Failure> {
    let UpdateArgs { command, what, check, reboot, automatic } = args;
    let (verb, what) = match command {
        None if check => (Verb::Check, what),
        None => (Verb::Update, what),
        Some(UpdateCommand::Refresh(what)) => (Verb::Refresh, what),
        Some(UpdateCommand::Prepare(what)) => (Verb::Prepare, what),
        Some(UpdateCommand::Activate(args)) => return Ok(activate(&args)),
        Some(UpdateCommand::Hold(args)) => return Ok(hold(Verb::Hold, args)),
        Some(UpdateCommand::Unhold(args)) => return Ok(hold(Verb::Unhold, args)),
        Some(UpdateCommand::History(_) | UpdateCommand::Cancel | UpdateCommand::Serve) => {
            (Verb::Check, what)
        }
    };
    let json = what.json;
    let (version, mut options) = options(what)?;
    options.reboot = reboot;
    options.automatic = automatic;
    Ok(Wanted { order: Order { verb, version, options }, json })
}

/// Whether a person is told first what an order would take. A check passes a version over that failed
/// here, which `--retry` is about.
pub(super) fn asks_first(order: &Order) -> bool {
    order.verb.writes() && !order.options.automatic && !order.options.retry
}

/// The question what an order would take.
pub(super) fn check_of(order: &Order) -> Order {
    let Options { source, channel, accept_stale, .. } = order.options.clone();
    let options = Options { source, channel, accept_stale, ..Options::default() };
    Order { verb: Verb::Check, version: order.version.clone(), options }
}

fn activate(args: &ActivateArgs) -> Wanted {
    let mut order = Order::new(Verb::Activate);
    order.options.reboot = args.reboot;
    Wanted { order, json: args.json }
}

fn hold(verb: Verb, args: HoldArgs) -> Wanted {
    Wanted { order: Order { version: Some(args.version), ..Order::new(verb) }, json: args.json }
}

fn options(what: UpdateOptions) -> Result<(Option<String>, Options), Failure> {
    let rate = what.limit_rate.map(|text| {
        text.parse::<Rate>().map(|rate| rate.0).map_err(|()| {
            Failure::new(Kind::Usage, format!("--limit-rate {text}: not a rate"))
                .hint("bytes per second as a whole number with K, M or G, such as 2M")
        })
    });
    let options = Options {
        source: what.from,
        channel: what.channel,
        accept_stale: what.accept_stale,
        limit_rate: rate.transpose()?,
        retry: what.retry,
        ..Options::default()
    };
    Ok((what.version, options))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn typed(words: &[&str]) -> Result<Wanted, Failure> {
        let words = ["anklume", "update"].iter().chain(words);
        let Command::Update(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not an update")
        };
        wanted(args)
    }

    #[test]
    fn words_become_orders() {
        let update = typed(&["--reboot", "--from", "/x", "--limit-rate", "2M", "--json"]).unwrap();
        let options = update.order.options;
        assert_eq!((update.order.verb, update.json), (Verb::Update, true));
        assert_eq!(options.source.as_deref(), Some("/x"));
        assert_eq!((options.limit_rate, options.reboot), (Some(2 << 20), true));
        let verbs = [
            (&["--check"][..], Verb::Check),
            (&["refresh"], Verb::Refresh),
            (&["prepare", "--version", "13.1"], Verb::Prepare),
            (&["activate"], Verb::Activate),
            (&["hold", "13.1"], Verb::Hold),
            (&["unhold", "13.1"], Verb::Unhold),
        ];
        for (words, verb) in verbs {
            assert_eq!(typed(words).unwrap().order.verb, verb, "{words:?}");
        }
        let asks = |words| asks_first(&typed(words).unwrap().order);
        assert!(
            asks(&["--version", "13.1"]) && asks(&["prepare"]) && !asks(&["activate", "--json"])
        );
        assert!(!asks(&["--version", "13.1", "--retry"]) && !asks(&["--automatic"]));
        assert_eq!(typed(&["hold", "13.1"]).unwrap().order.version.as_deref(), Some("13.1"));
        let failure = typed(&["--limit-rate", "fast"]).unwrap_err();
        assert_eq!(failure.kind(), Kind::Usage);
    }

    #[test]
    fn a_check_asks_for_the_same_version() {
        let order = typed(&["--version", "13.1", "--from", "/x", "--reboot"]).unwrap().order;
        let check = check_of(&order);
        assert_eq!((check.verb, check.version.as_deref()), (Verb::Check, Some("13.1")));
        assert_eq!(check.options.source.as_deref(), Some("/x"));
        assert!(!check.options.reboot);
    }
}
