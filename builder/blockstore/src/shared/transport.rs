//! HTTP that does not read more than it should.

use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService, ReqwestConnector,
};

/// The most bytes of a response, whatever it is: four times the largest block of squashfs.
pub(super) const MAX_RESPONSE_BYTES: usize = 4 << 20;

/// Connects as `object_store` does, with every response cut at [`MAX_RESPONSE_BYTES`].
///
/// Blocks are counted while they arrive, but errors and credentials are not: `object_store` reads
/// those into memory whole, and reserves what their `Content-Length` asks for.
#[derive(Debug)]
pub(super) struct LimitedConnector;

#[derive(Debug)]
struct LimitedClient(HttpClient);

impl HttpConnector for LimitedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(LimitedClient(client)))
    }
}

#[async_trait]
impl HttpService for LimitedClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = self.0.execute(request).await?.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES)
            .map_err(|error| HttpError::new_boxed(HttpErrorKind::Unknown, error));
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}
