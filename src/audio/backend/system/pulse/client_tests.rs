//! Promises of a connection, with the library's server side at its other end.

use std::io::BufReader;

use proptest::prelude::*;
use pulseaudio::protocol::{SubscriptionEvent, SubscriptionEventFacility, SubscriptionEventType};

use super::*;

/// The server's end of a connection.
pub(in crate::audio::backend::system::pulse) struct Server {
    socket: BufReader<UnixStream>,
    version: u16,
}

impl Server {
    /// Greets a client on a thread of its own, as a server of this version.
    fn greet(version: u16) -> (Result<PulseClient, PulseError>, Self) {
        let (there, here) = UnixStream::pair().unwrap();
        let client = std::thread::spawn(move || PulseClient::greet(there, vec![7; 256]));
        let mut server = Self { socket: BufReader::new(here), version: protocol::MAX_VERSION };
        let (number, auth) = server.read();
        let Command::Auth(auth) = auth else { panic!("{auth:?} comes first") };
        assert_eq!((auth.cookie.len(), auth.supports_shm), (256, false));
        server.reply(number, &AuthReply { version, use_memfd: false, use_shm: false });
        server.version = version.min(protocol::MAX_VERSION);
        if version >= protocol::MIN_VERSION {
            let (number, name) = server.read();
            let Command::SetClientName(props) = name else { panic!("{name:?} comes next") };
            assert_eq!(props.get(Prop::ApplicationName), Some(&b"rtvoice\0"[..]));
            server.reply(number, &protocol::SetClientNameReply { client_id: 3 });
        }
        (client.join().unwrap(), server)
    }

    pub(in crate::audio::backend::system::pulse) fn with_client() -> (PulseClient, Self) {
        let (client, server) = Self::greet(protocol::MAX_VERSION);
        (client.unwrap(), server)
    }

    pub(in crate::audio::backend::system::pulse) fn read(&mut self) -> (u32, Command) {
        protocol::read_command_message(&mut self.socket, self.version).unwrap()
    }

    /// Reads the next samples of a stream.
    pub(in crate::audio::backend::system::pulse) fn read_sound(&mut self) -> (u32, Vec<f32>) {
        let head = protocol::read_descriptor(&mut self.socket).unwrap();
        assert_ne!(head.channel, CONTROL, "it is sound");
        let mut bytes = vec![0; head.length as usize];
        self.socket.read_exact(&mut bytes).unwrap();
        let samples = bytes.as_chunks().0.iter().map(|sample| f32::from_le_bytes(*sample));
        (head.channel, samples.collect())
    }

    pub(in crate::audio::backend::system::pulse) fn reply<R: CommandReply>(
        &mut self,
        number: u32,
        reply: &R,
    ) {
        let (socket, version) = (self.socket.get_mut(), self.version);
        protocol::write_reply_message(socket, number, reply, version).unwrap();
    }

    pub(in crate::audio::backend::system::pulse) fn tell(&mut self, command: &Command) {
        let (socket, version) = (self.socket.get_mut(), self.version);
        protocol::write_command_message(socket, CONTROL, command, version).unwrap();
    }

    pub(in crate::audio::backend::system::pulse) fn give(&mut self, channel: u32, samples: &[f32]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut frame = Vec::new();
        protocol::write_memblock(&mut frame, channel, &bytes, 0).unwrap();
        // At once: each piece would take as much room in the socket as a block.
        self.write(&frame);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).unwrap();
    }
}

fn news() -> Command {
    Command::SubscribeEvent(SubscriptionEvent {
        event_facility: SubscriptionEventFacility::Sink,
        event_type: SubscriptionEventType::New,
        index: Some(1),
    })
}

/// A frame with a command that nobody knows.
fn of_later_versions() -> Vec<u8> {
    let mut frame = vec![0; protocol::DESCRIPTOR_SIZE];
    let head = protocol::Descriptor {
        length: 12,
        channel: CONTROL,
        offset: 0,
        flags: protocol::DescriptorFlags::empty(),
    };
    protocol::encode_descriptor((&mut frame[..]).try_into().unwrap(), &head);
    frame.extend([b'L', 0, 0, 3, 231, b'L', 0, 0, 0, 0, 1, 2]);
    frame
}

#[test]
fn both_speak_the_older_of_their_versions_and_none_that_is_too_old() {
    for (version, expected) in [(13, Some(13)), (32, Some(32)), (35, Some(35)), (99, Some(35)), (12, None)] {
        let (client, _server) = Server::greet(version);
        assert_eq!(client.ok().map(|client| client.version), expected, "{version}");
    }
}

#[test]
fn an_answer_is_found_among_all_that_is_said_meanwhile() {
    let (mut client, mut server) = Server::with_client();
    let asking = std::thread::spawn(move || {
        let answer: Result<protocol::ServerInfo, _> = client.ask(&Command::GetServerInfo);
        answer.map(|info| info.cookie)
    });
    let (number, asked) = server.read();
    assert_eq!(asked, Command::GetServerInfo);
    server.tell(&news());
    server.write(&of_later_versions());
    server.give(3, &[0.5; 10_000]);
    server.reply(number + 1, &protocol::LookupReply(9));
    server.reply(number, &protocol::ServerInfo { cookie: 5, ..protocol::ServerInfo::default() });
    assert_eq!(asking.join().unwrap().unwrap(), 5);
}

#[test]
fn a_refusal_is_told_and_so_is_an_end() {
    let (mut client, mut server) = Server::with_client();
    let asking = std::thread::spawn(move || {
        let ask = |client: &mut PulseClient| client.ask::<protocol::ServerInfo>(&Command::GetServerInfo);
        (ask(&mut client).unwrap_err().to_string(), ask(&mut client).unwrap_err().to_string())
    });
    let (number, _) = server.read();
    protocol::write_error(server.socket.get_mut(), number, &protocol::PulseError::NoEntity).unwrap();
    server.read();
    drop(server);
    let (refused, ended) = asking.join().unwrap();
    assert_eq!(refused, "the sound server says: No such entity");
    assert_eq!(ended, "the sound server closed the connection");
}

#[test]
fn a_frame_may_come_in_pieces_and_be_longer_than_the_room_for_it() {
    let (mut client, mut server) = Server::with_client();
    let samples: Vec<f32> = (0..20_000_u16).map(|n| f32::from(n) / 65_536.0).collect();
    let expected: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let giving = std::thread::spawn(move || {
        server.give(7, &samples);
        server
    });
    let heard = loop {
        match client.next().unwrap() {
            Some(ServerMessage::Sound(7, bytes)) => break bytes.to_vec(),
            None => drop(client.fill().unwrap()),
            other => panic!("{other:?}"),
        }
    };
    assert!(heard == expected);
    assert_eq!(client.next().unwrap(), None);
    drop(giving.join().unwrap());
}

#[test]
fn what_is_given_is_a_frame_of_the_stream() {
    let (mut client, mut server) = Server::with_client();
    client.give(4, &[0.25, -1.0]).unwrap();
    assert_eq!(server.read_sound(), (4, vec![0.25, -1.0]));
}

proptest! {
    #[test]
    fn whatever_a_server_says_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (mut client, mut server) = Server::with_client();
        server.write(&bytes);
        drop(server);
        while client.fill().is_ok() {
            while let Ok(Some(_)) = client.next() {}
        }
    }
}
