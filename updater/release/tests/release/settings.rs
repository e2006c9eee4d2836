//! `update.conf`.

use anklume_release::{MAX_SETTINGS_BYTES, Rate, Settings, SettingsError};

const ALL: &str = "source = \"https://updates.example/a\"\nchannel = \"beta\"\nautomatic = true\n\
                   window = \"Mon..Fri 22:00-05:00\"\nlimit-rate = \"2M\"\n\
                   proxy = \"http://proxy:3128\"\nno-proxy = \"localhost,.example\"\n";

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(text, "update.conf")
}

#[test]
fn every_key_is_read_and_written() {
    let settings = parse(ALL).unwrap();
    assert_eq!(settings.source.as_deref(), Some("https://updates.example/a"));
    assert_eq!((settings.channel(), settings.automatic()), ("beta", true));
    assert_eq!(settings.limit_rate, Some(Rate(2 << 20)));
    assert_eq!(settings.proxy.as_deref(), Some("http://proxy:3128"));
    assert_eq!(settings.no_proxy.as_deref(), Some("localhost,.example"));
    assert_eq!(settings.encode(), ALL);
    let none = parse("# nothing\n").unwrap();
    assert_eq!((none.channel(), none.automatic(), none.encode()), ("stable", false, String::new()));
}

#[test]
fn the_machine_decides_before_the_image_key_by_key() {
    let machine = parse("automatic = false\nchannel = \"stable\"\n").unwrap();
    let both = machine.or(parse(ALL).unwrap());
    assert_eq!((both.channel(), both.automatic()), ("stable", false));
    assert_eq!(both.source.as_deref(), Some("https://updates.example/a"));
    assert_eq!(both.limit_rate, Some(Rate(2 << 20)));
    assert_eq!(both.proxy.as_deref(), Some("http://proxy:3128"));
}

#[test]
fn mistakes_are_named_where_they_are() {
    let said = |text: &str| {
        let error = parse(text).unwrap_err();
        assert!(error.hint().contains("limit-rate"));
        error.to_string()
    };
    let text = said("automatic = true\nchanel = \"beta\"\n");
    assert!(text.starts_with("update.conf: line 2: unknown field `chanel`"), "{text}");
    assert!(said("automatic = \"yes\"\n").starts_with("update.conf: line 1: invalid type"));
    assert!(said("a b\n").starts_with("update.conf: line 1: "));
    assert!(said("channel = \"a/b\"\n").contains("channel is `a/b`, expected"));
    assert!(said("window = \"nights\"\n").contains("window is `nights`, expected write"));
    assert!(said("proxy = \"a b\"\n").contains("proxy is `a b`, expected"));
    assert!(said("no-proxy = \"\\u001b\"\n").contains("no-proxy is "));
    for source in ["x", "ftp://a/b", "https://", "../a", "https://a/?b", "file://a", "/a b", ""] {
        let text = said(&format!("source = \"{source}\"\n"));
        assert!(text.contains("source is"), "{text}");
    }
    for source in ["/srv/a", "file:///srv/a", "http://a:80", "https://a.example/b/"] {
        assert!(parse(&format!("source = \"{source}\"\n")).is_ok(), "{source}");
    }
    let long = " ".repeat(MAX_SETTINGS_BYTES + 1);
    assert!(matches!(parse(&long), Err(SettingsError::TooLong { .. })));
}

#[test]
fn rates_have_binary_units() {
    for (text, bytes) in [("1", 1), ("512K", 512 << 10), ("2M", 2 << 20), ("3G", 3 << 30)] {
        assert_eq!(text.parse(), Ok(Rate(bytes)));
        assert_eq!(Rate(bytes).to_string(), text);
    }
    for text in ["", "0", "0M", "M", "-1", "+1", "1.5M", "2m", "2MB", "99999999999G"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}
