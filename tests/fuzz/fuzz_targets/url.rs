//! Reads arbitrary text as the URL of an endpoint.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtvoice::net::endpoint::url::EndpointUrl;

fuzz_target!(|text: &str| {
    read(text);
    read(&format!("wss://{text}"));
    read(&format!("ws://host/{text}"));
});

fn read(text: &str) {
    let url = match EndpointUrl::parse(text) {
        Ok(url) => url,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
            return;
        }
    };
    assert!(!url.host().is_empty() && url.port() > 0 && url.path().starts_with('/'));
    let extended = url.with_query(&[("rtvoice fuzz", "a&b=c#d")]);
    let again = EndpointUrl::parse(&extended).expect("what is written can be read");
    assert_eq!((again.host(), again.port(), again.path()), (url.host(), url.port(), url.path()));
    assert_eq!(again.query_value("rtvoice fuzz").as_deref(), Some("a&b=c#d"));
    let _ = url.keys_in_query().count();
}
