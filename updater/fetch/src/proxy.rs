//! Proxies, as the environment names them.

use ureq::{Proxy, ProxyProtocol};

use crate::error::{Error, ProxyFault};
use crate::url::Url;

/// Which proxies to ask, and for which hosts none. The default is none at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http`: asked for the whole URL. `http://[user:password@]host[:port]`, or without the scheme.
    pub http: Option<String>,
    /// For `https`: asked for a tunnel. Written the same way.
    pub https: Option<String>,
    /// Hosts that are asked directly, with commas between them: a host stands for itself and what is
    /// below it, with or without a dot in front, optionally with a port; `*` is all of them.
    pub except: String,
}

impl Proxies {
    /// What `http_proxy`, `https_proxy` and `no_proxy` say, in lower case or else in upper case.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same, of other variables than those of this process.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let found = variable(name).or_else(|| variable(&name.to_ascii_uppercase()))?;
            Some(found.trim().to_owned()).filter(|found| !found.is_empty())
        };
        Self {
            http: value("http_proxy"),
            https: value("https_proxy"),
            except: value("no_proxy").unwrap_or_default(),
        }
    }

    /// The proxy for an address.
    ///
    /// # Errors
    /// [`Error::Proxy`] when it is of a kind that is not known.
    pub(crate) fn pick(&self, url: &Url) -> Result<Option<Proxy>, Error> {
        let proxy = if url.is_secure() { &self.https } else { &self.http };
        match proxy {
            Some(text) if !self.is_excepted(url) => read(text).map(Some),
            _ => Ok(None),
        }
    }

    /// Says of every proxy whether it can be used.
    pub(crate) fn check(&self) -> Result<(), Error> {
        [&self.http, &self.https].into_iter().flatten().try_for_each(|text| read(text).map(drop))
    }

    fn is_excepted(&self, url: &Url) -> bool {
        let entries = self.except.split([',', ' ']).map(str::trim);
        entries.filter(|entry| !entry.is_empty()).any(|entry| excepts(entry, url))
    }
}

/// Whether one entry of `no_proxy` is for the host of an address.
fn excepts(entry: &str, url: &Url) -> bool {
    if entry == "*" {
        return true;
    }
    let host = url.host();
    // An IPv6 address may be written with brackets, which also keep its colons from the port's.
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (entry, None),
    };
    if port.is_some_and(|port| port != url.port().to_string()) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let name = name.trim_start_matches("*.").trim_start_matches('.');
    !name.is_empty()
        && (host == name || host.strip_suffix(name).is_some_and(|front| front.ends_with('.')))
}

fn read(text: &str) -> Result<Proxy, Error> {
    // The text may hold a password, so that errors show the kind only.
    let fault = |fault| Err(Error::Proxy { fault });
    if let Some((scheme, _)) = text.split_once("://")
        && !scheme.eq_ignore_ascii_case("http")
    {
        return fault(ProxyFault::Kind(scheme.to_owned()));
    }
    match Proxy::new(text) {
        Ok(proxy) if proxy.protocol() == ProxyProtocol::Http && !proxy.host().is_empty() => {
            Ok(proxy)
        }
        _ => fault(ProxyFault::Address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_in_both_cases() {
        let both =
            proxies(&[("http_proxy", "low:1"), ("HTTP_PROXY", "up:1"), ("HTTPS_PROXY", "s:2")]);
        assert_eq!((both.http.as_deref(), both.https.as_deref()), (Some("low:1"), Some("s:2")));
        let empty = proxies(&[("http_proxy", " ")]);
        assert_eq!(empty, Proxies::default());
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let of = |proxies: &Proxies, url: &str| {
            let proxy = proxies.pick(&Url::parse(url).unwrap()).unwrap();
            proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
        };
        let both = proxies(&[("http_proxy", "http://plain:3128/"), ("https_proxy", "tls")]);
        assert_eq!(of(&both, "http://h/").as_deref(), Some("plain:3128"));
        assert_eq!(of(&both, "https://h/").as_deref(), Some("tls:80"));
        assert_eq!(of(&proxies(&[("https_proxy", "tls")]), "http://h/"), None);
    }

    #[test]
    fn hosts_without_a_proxy() {
        let excepted = |list: &str, url: &str| {
            let proxies = Proxies { except: list.to_owned(), ..Proxies::default() };
            proxies.is_excepted(&Url::parse(url).unwrap())
        };
        for (list, url, expected) in [
            ("*", "http://h/", true),
            ("example.org", "http://example.org/", true),
            ("a, Example.org ,b", "http://www.EXAMPLE.org/", true),
            (".example.org", "http://example.org/", true),
            ("*.example.org", "http://www.example.org/", true),
            ("example.org", "http://badexample.org/", false),
            ("org.example", "http://example.org/", false),
            ("h:8080", "http://h:8080/", true),
            ("h:8080", "http://h/", false),
            ("h:443", "https://h/", true),
            ("127.0.0.1", "http://127.0.0.1:81/", true),
            ("::1", "http://[::1]/", true),
            ("[::1]:81", "http://[::1]:81/", true),
            ("[::1]:81", "http://[::1]/", false),
            ("", "http://h/", false),
            (",.,", "http://h/", false),
        ] {
            assert_eq!(excepted(list, url), expected, "{list} {url}");
        }
    }

    #[test]
    fn proxies_of_other_kinds_are_named() {
        let socks = proxies(&[("https_proxy", "socks5://h")]);
        let kind = |error| matches!(error, Error::Proxy { fault: ProxyFault::Kind(kind) } if kind == "socks5");
        assert!(kind(socks.check().unwrap_err()));
        let bad = proxies(&[("http_proxy", "http://")]);
        assert!(matches!(bad.check(), Err(Error::Proxy { fault: ProxyFault::Address })));
        proxies(&[("http_proxy", "http://me:secret@h:1")]).check().unwrap();
    }
}
