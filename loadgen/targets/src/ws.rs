//! The least that tungstenite needs to answer messages: one flush for each readable batch.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

/// The library clears its whole read buffer before each read; at its default size that costs
/// more than everything else, and the pipeline would look good beside a bad example.
const READ_BYTES: usize = 16 << 10;

pub(super) async fn connection(socket: TcpStream, codec: bool) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let accepted = accept_async_with_config(socket, Some(config)).await;
    let Ok(mut stream) = accepted else { return };
    // The generator closes its connections when it is done; that is not worth a word.
    while let Some(Ok(message)) = stream.next().await {
        if batch(&mut stream, message, codec).await.is_err() {
            return;
        }
    }
}

/// Answers one message and all that can be read without waiting, then flushes.
async fn batch(
    stream: &mut WebSocketStream<TcpStream>,
    first: Message,
    codec: bool,
) -> Result<(), Error> {
    let mut next = Some(first);
    while let Some(message) = next {
        if message.is_text() || message.is_binary() {
            let valid = !codec || super::decodes(&message.into_data());
            let text = if valid { "{\"accepted\":1}" } else { "{\"status\":400}" };
            stream.feed(Message::Text(Utf8Bytes::from_static(text))).await?;
        }
        next = stream.next().now_or_never().flatten().transpose()?;
    }
    stream.flush().await
}
