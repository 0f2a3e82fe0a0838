//! Stands between the program and an endpoint: lets everything through, and misbehaves at one event.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use super::watched::Watched;

/// What happens to one connection; those behind the last that is named are let through.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// When the endpoint sends this event, in place of it.
    At(&'static str, Fault),
    /// Each message of the endpoint comes twice.
    Twice,
    /// These events come behind that one.
    Behind(&'static [&'static str], &'static str),
    /// The endpoint is not reached; this is what HTTP says.
    Refused(&'static str),
}

/// What is done in place of an event.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is cut.
    Cut,
    /// It is closed with this code.
    Close(u16),
    /// Nothing comes any more, and the connection stays.
    Freeze,
    /// This comes before it.
    Insert(Frame),
}

/// A frame that no endpoint sends.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// Text.
    Text(&'static str),
    /// Bytes.
    Binary(&'static [u8]),
    /// Text of so many bytes.
    Huge(usize),
}

/// A door in front of an endpoint; it stands open until the tests end.
#[derive(Debug)]
pub(crate) struct Between {
    /// What to dial.
    pub(crate) url: String,
    connections: Watched<usize>,
}

impl Between {
    /// Stands in front of the endpoint at `url`; each connection meets its fate, in their order.
    pub(crate) fn new(url: &str, fates: impl Into<Vec<Fate>>) -> Self {
        let endpoint =
            url.trim_start_matches("ws://").split('/').next().expect("a URL has a host").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let connections = Watched::new(0);
        let (fates, counted) = (fates.into(), connections.clone());
        thread::spawn(move || {
            for (number, near) in listener.incoming().map_while(Result::ok).enumerate() {
                counted.with(|count| *count += 1);
                let (fate, endpoint) = (fates.get(number).cloned(), endpoint.clone());
                // Whichever side ends the connection, the test sees it at the program.
                thread::spawn(move || pass(near, &endpoint, fate.as_ref()).unwrap_or_default());
            }
        });
        Self { url: format!("ws://127.0.0.1:{port}/v1/realtime"), connections }
    }

    /// Returns how often it was dialled.
    pub(crate) fn connections(&self) -> usize {
        self.connections.with(|count| *count)
    }
}

/// Lets one connection through until its fate or its end.
fn pass(mut near: TcpStream, endpoint: &str, fate: Option<&Fate>) -> std::io::Result<()> {
    if let Some(Fate::Refused(answer)) = fate {
        read_head(&mut near)?;
        return near.write_all(answer.as_bytes());
    }
    let mut far = TcpStream::connect(endpoint)?;
    let (mut near_in, mut far_out) = (near.try_clone()?, far.try_clone()?);
    let listening = thread::spawn(move || {
        let ended = std::io::copy(&mut near_in, &mut far_out);
        far_out.shutdown(Shutdown::Both).unwrap_or_default();
        // What the program says after its endpoint has gone is read, too: a socket that is closed before
        // takes with it what it was to deliver.
        ended.or_else(|_| std::io::copy(&mut near_in, &mut std::io::sink()))
    });
    near.write_all(&read_head(&mut far)?)?;
    let ended = frames(&mut near, &mut far, fate);
    near.shutdown(Shutdown::Write)?;
    far.shutdown(Shutdown::Both)?;
    listening.join().expect("reading does not panic").and(ended)
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

fn frames(near: &mut TcpStream, far: &mut TcpStream, mut fate: Option<&Fate>) -> std::io::Result<()> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        let Message { frame, kind } = Message::read(far)?;
        let kind = kind.as_deref().unwrap_or_default();
        match fate {
            Some(Fate::At(name, fault)) if *name == kind => {
                match fault {
                    Fault::Cut => return Ok(()),
                    Fault::Close(code) => return near.write_all(&written(0x8, &code.to_be_bytes())),
                    // What the endpoint says is for no one, until the program has gone.
                    Fault::Freeze => return std::io::copy(far, &mut std::io::sink()).map(drop),
                    Fault::Insert(inserted) => near.write_all(&inserted.bytes())?,
                }
                fate = None;
            }
            Some(Fate::Twice) if !kind.is_empty() => near.write_all(&frame)?,
            Some(Fate::Behind(names, _)) if names.contains(&kind) => {
                held.push(frame);
                continue;
            }
            Some(Fate::Behind(_, last)) if *last == kind => {
                near.write_all(&frame)?;
                near.write_all(&std::mem::take(&mut held).concat())?;
                continue;
            }
            Some(Fate::At(..) | Fate::Twice | Fate::Behind(..) | Fate::Refused(_)) | None => {}
        }
        near.write_all(&frame)?;
    }
}

/// A frame of the endpoint, as it came.
struct Message {
    frame: Vec<u8>,
    /// The type of the event in it, if it is one.
    kind: Option<String>,
}

impl Message {
    /// Reads a whole frame of a server, which masks nothing (RFC 6455, section 5.2).
    fn read(stream: &mut TcpStream) -> std::io::Result<Self> {
        let mut frame = vec![0; 2];
        stream.read_exact(&mut frame)?;
        let extended = match frame[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut length = u64::from(frame[1]);
        if extended > 0 {
            let mut bytes = [0; 8];
            stream.read_exact(&mut bytes[8 - extended..])?;
            frame.extend_from_slice(&bytes[8 - extended..]);
            length = u64::from_be_bytes(bytes);
        }
        let start = frame.len();
        stream.take(length).read_to_end(&mut frame)?;
        let event: Option<serde_json::Value> = serde_json::from_slice(&frame[start..]).ok();
        let kind = event.and_then(|event| event["type"].as_str().map(str::to_owned));
        Ok(Self { frame, kind })
    }
}

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => written(0x1, text.as_bytes()),
            Self::Binary(bytes) => written(0x2, bytes),
            Self::Huge(length) => written(0x1, &vec![b' '; *length]),
        }
    }
}

fn written(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let announced = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => vec![short],
        (_, Ok(length)) => [&[126], &length.to_be_bytes()[..]].concat(),
        (_, Err(_)) => [&[127], &(length as u64).to_be_bytes()[..]].concat(),
    };
    [&[0x80 | kind], &announced[..], payload].concat()
}
