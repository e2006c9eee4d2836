//! The storage behind a URL.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, HeaderMap, HeaderValue, ObjectStore, RetryConfig,
};
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::transport::LimitedConnector;
use crate::Shared;

/// Time to connect in. A storage that is near enough to be worth asking needs a fraction of it.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// The storage of `shared`, and the folder in it that the objects are in. Nothing is asked yet.
pub(super) fn open(
    shared: &Shared,
) -> Result<(Box<dyn ObjectStore>, Path), Box<dyn std::error::Error>> {
    // The HTTP client takes what the process has, and ends it without one. A second time is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(&shared.url)?;
    let prefix = Path::from_url_path(url.path())?;
    Ok((connect(&url, shared.request_limit)?, prefix))
}

fn connect(url: &Url, limit: Duration) -> object_store::Result<Box<dyn ObjectStore>> {
    let (text, retry) = (url.to_string(), retry(limit));
    let key = ClientConfigKey::ConnectTimeout;
    let connect = format!("{} ms", CONNECT_LIMIT.min(limit).as_millis());
    Ok(match url.scheme() {
        "s3" => {
            let builder = AmazonS3Builder::from_env().with_url(text).with_retry(retry);
            let builder = builder.with_config(AmazonS3ConfigKey::Client(key), connect);
            Box::new(builder.with_http_connector(LimitedConnector).build()?)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(text).with_retry(retry);
            let builder = builder.with_config(GoogleConfigKey::Client(key), connect);
            Box::new(builder.with_http_connector(LimitedConnector).build()?)
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(text).with_retry(retry);
            let builder = builder.with_config(AzureConfigKey::Client(key), connect);
            Box::new(builder.with_http_connector(LimitedConnector).build()?)
        }
        "file" => Box::new(LocalFileSystem::new()),
        _ => {
            let options = ClientOptions::new().with_allow_http(true).with_config(key, connect);
            let options = match authorization(url) {
                Some(headers) => options.with_default_headers(headers),
                None => options,
            };
            let mut server = url.clone();
            // Both fail only for URLs without a host, which have no credentials either.
            let _ = server.set_username("");
            let _ = server.set_password(None);
            // The path is part of every object's, so that folders on the way can be made.
            let builder = HttpBuilder::new().with_url(&server[..Position::BeforePath]);
            let builder = builder.with_client_options(options).with_retry(retry);
            Box::new(builder.with_http_connector(LimitedConnector).build()?)
        }
    })
}

/// User and password of the URL of a web server as a header (RFC 7617): the client does not make
/// one of them by itself.
fn authorization(url: &Url) -> Option<HeaderMap> {
    let password = url.password()?;
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", value);
    Some(headers)
}

/// One more attempt, soon: what does not work then is not worth waiting for.
fn retry(limit: Duration) -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_millis(200),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 1, retry_timeout: limit }
}
