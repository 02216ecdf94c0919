//! The least that hyper needs to answer a POST.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(super) async fn connection(socket: TcpStream, codec: bool) {
    let service = service_fn(move |request| answer(request, codec));
    let served =
        Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(socket), service);
    // The generator closes its connections when it is done; that is not worth a word.
    served.await.unwrap_or_default();
}

async fn answer(
    request: Request<Incoming>,
    codec: bool,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let valid = match request.into_body().collect().await {
        Ok(body) => !codec || super::decodes(&body.to_bytes()),
        Err(_) => false,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"accepted\":1}")));
    *response.status_mut() = if valid { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    Ok(response)
}
