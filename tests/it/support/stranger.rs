//! Servers that are no endpoint of this program: they answer something else, or tell what they were sent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig, ServerConnection};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

use super::watched::Watched;

/// Longest HTTP request that is read.
const REQUEST_BYTES: usize = 16 << 10;

/// A server on a port of its own; it goes on until the tests end.
#[derive(Debug)]
pub(crate) struct Stranger {
    /// Host and port.
    pub(crate) address: String,
    headers: Watched<Vec<String>>,
}

impl Stranger {
    /// Answers every HTTP request with these bytes, then ends the connection.
    pub(crate) fn answering(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::serving(move |mut stream, _| {
            let mut request = vec![0; REQUEST_BYTES];
            // Who does not ask gets the answer all the same.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    /// Takes connections and says nothing.
    pub(crate) fn holding() -> Self {
        let held = Watched::new(Vec::new());
        Self::serving(move |stream, _| held.with(|held| held.push(stream)))
    }

    /// Speaks TLS with a certificate that no one has vouched for.
    pub(crate) fn unknown() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .expect("a certificate can be made for localhost");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)
            })
            .expect("the certificate fits its key");
        let config = Arc::new(config);
        Self::serving(move |mut stream, _| {
            let mut connection =
                ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        })
    }

    /// Takes a WebSocket, says what `speak` makes of the request's headers, and closes it.
    pub(crate) fn saying(speak: impl Fn(&[String]) -> Vec<String> + Send + 'static) -> Self {
        Self::serving(move |stream, headers| {
            #[expect(clippy::result_large_err, reason = "the library's callback is like this")]
            let keep = |request: &Request, response: Response| {
                let of_request = request.headers().iter();
                let lines = of_request
                    .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
                headers.with(|headers| headers.extend(lines));
                Ok(response)
            };
            let Ok(mut socket) = accept_hdr(stream, keep) else { return };
            let said = speak(&headers.with(|headers| headers.clone()));
            let reason = said.last().cloned().unwrap_or_default();
            for text in said {
                let _ = socket.send(Message::text(text));
            }
            let code = 1011.into();
            let reason = reason.chars().take(100).collect::<String>().into();
            let _ = socket.close(Some(CloseFrame { code, reason }));
            while socket.read().is_ok() {}
        })
    }

    /// Returns the headers of all requests so far, one a line.
    pub(crate) fn headers(&self) -> Vec<String> {
        self.headers.with(|headers| headers.clone())
    }

    fn serving(serve: impl Fn(TcpStream, &Watched<Vec<String>>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let headers = Watched::new(Vec::new());
        let kept = headers.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &kept);
            }
        });
        Self { address: format!("localhost:{}", address.port()), headers }
    }
}
