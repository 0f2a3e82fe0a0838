//! Tests of the client against the library's server side.

use std::io::BufReader;

use proptest::prelude::*;
use pulseaudio::protocol::{SubscriptionEvent, SubscriptionEventFacility, SubscriptionEventType};

use super::*;

/// The server's end of a connection.
pub(in crate::audio::backend::system::pulse) struct PulseServer {
    socket: BufReader<UnixStream>,
    version: u16,
}

impl PulseServer {
    /// Completes the handshake with a client, as a server of `version`.
    fn handshake(version: u16) -> (Result<PulseClient, PulseError>, Self) {
        let (client_end, server_end) = UnixStream::pair().unwrap();
        let client = std::thread::spawn(move || PulseClient::handshake(client_end, vec![7; 256]));
        let mut server = Self { socket: BufReader::new(server_end), version: protocol::MAX_VERSION };
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
        let (client, server) = Self::handshake(protocol::MAX_VERSION);
        (client.unwrap(), server)
    }

    pub(in crate::audio::backend::system::pulse) fn read(&mut self) -> (u32, Command) {
        protocol::read_command_message(&mut self.socket, self.version).unwrap()
    }

    /// Reads the next samples of a stream.
    pub(in crate::audio::backend::system::pulse) fn read_audio(&mut self) -> (u32, Vec<f32>) {
        let head = protocol::read_descriptor(&mut self.socket).unwrap();
        assert_ne!(head.channel, CONTROL, "audio expected");
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

    pub(in crate::audio::backend::system::pulse) fn send(&mut self, command: &Command) {
        let (socket, version) = (self.socket.get_mut(), self.version);
        protocol::write_command_message(socket, CONTROL, command, version).unwrap();
    }

    pub(in crate::audio::backend::system::pulse) fn send_audio(&mut self, channel: u32, samples: &[f32]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut frame = Vec::new();
        protocol::write_memblock(&mut frame, channel, &bytes, 0).unwrap();
        // In one write, since each one takes as much of the socket buffer as a block.
        self.write(&frame);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).unwrap();
    }
}

fn subscription_event() -> Command {
    Command::SubscribeEvent(SubscriptionEvent {
        event_facility: SubscriptionEventFacility::Sink,
        event_type: SubscriptionEventType::New,
        index: Some(1),
    })
}

/// Returns a frame with an unknown command.
fn unknown_command() -> Vec<u8> {
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
fn the_older_protocol_version_is_used_and_too_old_ones_are_refused() {
    for (version, expected) in [(13, Some(13)), (32, Some(32)), (35, Some(35)), (99, Some(35)), (12, None)] {
        let (client, _server) = PulseServer::handshake(version);
        assert_eq!(client.ok().map(|client| client.version), expected, "{version}");
    }
}

#[test]
fn a_reply_is_found_among_other_messages() {
    let (mut client, mut server) = PulseServer::with_client();
    let request = std::thread::spawn(move || {
        let answer: Result<protocol::ServerInfo, _> = client.request(&Command::GetServerInfo);
        answer.map(|info| info.cookie)
    });
    let (number, command) = server.read();
    assert_eq!(command, Command::GetServerInfo);
    server.send(&subscription_event());
    server.write(&unknown_command());
    server.send_audio(3, &[0.5; 10_000]);
    server.reply(number + 1, &protocol::LookupReply(9));
    server.reply(number, &protocol::ServerInfo { cookie: 5, ..protocol::ServerInfo::default() });
    assert_eq!(request.join().unwrap().unwrap(), 5);
}

#[test]
fn refusals_and_a_closed_connection_are_reported() {
    let (mut client, mut server) = PulseServer::with_client();
    let requests = std::thread::spawn(move || {
        let request =
            |client: &mut PulseClient| client.request::<protocol::ServerInfo>(&Command::GetServerInfo);
        (request(&mut client).unwrap_err().to_string(), request(&mut client).unwrap_err().to_string())
    });
    let (number, _) = server.read();
    protocol::write_error(server.socket.get_mut(), number, &protocol::PulseError::NoEntity).unwrap();
    server.read();
    drop(server);
    let (refused, ended) = requests.join().unwrap();
    assert_eq!(refused, "sound server error: No such entity");
    assert_eq!(ended, "the sound server closed the connection");
}

#[test]
fn a_frame_may_arrive_in_pieces_and_exceed_the_buffer() {
    let (mut client, mut server) = PulseServer::with_client();
    let samples: Vec<f32> = (0..20_000_u16).map(|n| f32::from(n) / 65_536.0).collect();
    let expected: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let sender = std::thread::spawn(move || {
        server.send_audio(7, &samples);
        server
    });
    let received = loop {
        match client.next().unwrap() {
            Some(ServerMessage::Audio(7, bytes)) => break bytes.to_vec(),
            None => drop(client.fill().unwrap()),
            other => panic!("{other:?}"),
        }
    };
    assert!(received == expected);
    assert_eq!(client.next().unwrap(), None);
    drop(sender.join().unwrap());
}

#[test]
fn written_audio_is_one_frame_of_the_stream() {
    let (mut client, mut server) = PulseServer::with_client();
    client.write_audio(4, &[0.25, -1.0]).unwrap();
    assert_eq!(server.read_audio(), (4, vec![0.25, -1.0]));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (mut client, mut server) = PulseServer::with_client();
        server.write(&bytes);
        drop(server);
        while client.fill().is_ok() {
            while let Ok(Some(_)) = client.next() {}
        }
    }
}
