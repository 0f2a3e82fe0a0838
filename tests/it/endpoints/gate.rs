//! The way to every host: a proxy on this machine that is each of them, with TLS where it is asked for.

use std::sync::LazyLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::network::world::{Asked, Authority, listen, to_this_machine};

/// The hosts of all endpoints, by one authority.
pub(super) static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    Authority::of(&[
        "api.openai.com",
        "contoso.openai.azure.com",
        "contoso.cognitiveservices.azure.com",
        "api-platform.ope.ai",
        "openopen8.ai",
        "gateway.example.com",
        "dashscope.aliyuncs.com",
        "api.x.ai",
    ])
});

/// The first byte of a TLS handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Starts a proxy that leads every host to a port of this machine, and ends TLS itself. Returns its port,
/// and the hosts it was asked for.
pub(super) fn gate(to: u16) -> (u16, Asked) {
    let asked = Asked::new(Vec::new());
    let kept = asked.clone();
    (listen(move |stream| lead(stream, to, kept.clone())), asked)
}

async fn lead(mut stream: TcpStream, to: u16, asked: Asked) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    asked.with(|asked| asked.push(target.unwrap_or("no CONNECT").to_owned()));
    // Who is not expected any more finds no one, as behind a proxy that cannot reach its host.
    let Ok(mut beyond) = to_this_machine(to).await else { return };
    if stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_err() {
        return;
    }
    let mut first = [0];
    let _ = stream.peek(&mut first).await;
    if first[0] == TLS_HANDSHAKE {
        if let Ok(mut stream) = AUTHORITY.acceptor().accept(stream).await {
            let _ = copy_bidirectional(&mut stream, &mut beyond).await;
        }
    } else {
        let _ = copy_bidirectional(&mut stream, &mut beyond).await;
    }
}
