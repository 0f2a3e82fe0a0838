//! Time limits of the dialing phases, each with its own message.

use super::*;

#[tokio::test]
async fn a_silent_server_times_out_in_the_named_phase() {
    let (listener, port) = listener().await;
    let short = Duration::from_millis(50);
    let limits = DialTimeouts { tls: short, upgrade: short, ..DialTimeouts::default() };
    let options = DialOptions { limits, ..DialOptions::default() };
    for (scheme, step) in [("ws", DialPhase::Upgrade), ("wss", DialPhase::Tls)] {
        let error = failure(dial(&endpoint(&format!("{scheme}://127.0.0.1:{port}")), &options).await);
        let expected = format!("127.0.0.1:{port} did not answer in time: {step} took more than 0.05 s");
        assert_eq!(error.to_string(), expected);
    }
    drop(listener);
}

/// A port with a full accept queue: the next connection is neither accepted nor refused.
#[cfg(target_os = "linux")]
async fn hanging() -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    (address, waiting, listener)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hanging_address_does_not_delay_the_next_one() {
    let (listener, port) = listener().await;
    let (hangs, _waiting, _full) = hanging().await;
    let (dead, dead_port) = self::listener().await;
    drop(dead);
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let addresses = [hangs, address(dead_port), hangs, address(port)];
    let connected = timeout(Duration::from_secs(5), connect_first(&addresses)).await.unwrap().unwrap();
    assert_eq!(connected.peer_addr().unwrap().port(), port);
    drop(listener);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_phase_has_a_limit_and_is_named() {
    let short = Duration::from_millis(50);
    let (hangs, _waiting, _full) = hanging().await;
    let limits = DialTimeouts { connect: short, proxy: short, ..DialTimeouts::default() };
    let options = DialOptions { limits, ..DialOptions::default() };
    let error = failure(dial(&endpoint(&format!("ws://{hangs}")), &options).await);
    assert_eq!(
        error.to_string(),
        format!("{hangs} did not answer in time: the TCP connection took more than 0.05 s")
    );
    assert!(error.hint().unwrap().contains("firewall"));

    let by = |address: SocketAddr, kind: &str| {
        let proxy = format!("{kind}://me:hunter2@{address}");
        let proxies = ProxySettings::read(|name| (name == "all_proxy").then(|| proxy.clone()));
        DialOptions { proxies, ..options.clone() }
    };
    let error = failure(dial(&endpoint("wss://voice.test"), &by(hangs, "http")).await);
    assert_eq!(error.to_string(), format!("the proxy {hangs} from all_proxy cannot be reached"));
    assert_eq!(error.kind(), DialErrorKind::Network);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, format!("{hangs} did not answer in time: the TCP connection took more than 0.05 s"));

    let (silent, port) = listener().await;
    let silent_at = SocketAddr::from(([127, 0, 0, 1], port));
    for kind in ["http", "socks5h"] {
        let error = failure(dial(&endpoint("wss://voice.test"), &by(silent_at, kind)).await);
        let expected =
            format!("the proxy {silent_at} from all_proxy did not connect to voice.test:443 within 0.05 s");
        assert_eq!(error.to_string(), expected);
    }
    drop(silent);
}

#[test]
fn a_slow_name_lookup_times_out() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        // Lookups run on a blocking thread, and the only one is busy.
        let (free, taken) = std::sync::mpsc::channel::<()>();
        spawn_blocking(move || taken.recv());
        let limits = DialTimeouts { lookup: Duration::from_millis(50), ..DialTimeouts::default() };
        let options = DialOptions { limits, ..DialOptions::default() };
        let error = failure(dial(&endpoint("ws://localhost:1"), &options).await);
        let step = "name resolution took more than 0.05 s";
        assert_eq!(error.to_string(), format!("localhost:1 did not answer in time: {step}"));
        drop(free);
    });
}
