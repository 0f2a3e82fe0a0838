//! Every endpoint, played from raw text as its documents have it: what is dialled, said and heard there.
//!
//! The scripts in `endpoints/scripts` hold the handshake byte for byte, each event that a client must send,
//! and what the endpoint says; `rtvoice serve --script` plays them. The program runs with the commands of
//! docs/endpoints.md and dials the true hosts, by a proxy that leads them all to this machine.

mod gate;
mod row;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::program::Program;
use Comes::{Captions, Lines, Refused, Text, TextAfter, Voice};
use row::{Comes, KEY, Row};

/// How many rows are checked at a time: each is two programs, which must not be late.
const AT_A_TIME: usize = 4;

const fn row(
    script: &'static str,
    command: &'static str,
    (dials, variables): (&'static str, &'static [&'static str]),
    comes: Comes,
) -> Row {
    Row { script, command, variables, dials, comes }
}

type Host = (&'static str, &'static [&'static str]);
const OPENAI: Host = ("api.openai.com:443", &["OPENAI_API_KEY"]);
const AZURE: Host = ("contoso.openai.azure.com:443", &["AZURE_OPENAI_API_KEY", "RTVOICE_RESOURCE=contoso"]);
const ENTRA: Host = ("contoso.openai.azure.com:443", &["RTVOICE_API_KEY", "RTVOICE_RESOURCE=contoso"]);
const OPE_AI: Host = ("api-platform.ope.ai:443", &["API_KEY"]);
const OPENOPEN8: Host = ("openopen8.ai:443", &["OPENOPEN8_API_KEY"]);
const NEW_API: Host = ("gateway.example.com:443", &["RTVOICE_API_KEY"]);
const LOCALAI: Host = ("127.0.0.1:8080", &[]);
const HF: Host = ("127.0.0.1:8765", &[]);
const SPEACHES: Host = ("127.0.0.1:8000", &[]);
const QWEN: Host = ("dashscope.aliyuncs.com:443", &["DASHSCOPE_API_KEY"]);
const XAI: Host = ("api.x.ai:443", &["XAI_API_KEY"]);

/// What is said of it.
const VLLM: &str = "speaks the transcription protocol of vLLM, not the Realtime protocol";
const BETA_IS_OVER: &str = "(close code 4000): The Realtime Beta API is no longer supported";

const TABLE: &[Row] = &[
    row("openai/talk", "talk", OPENAI, Voice(24_000)),
    row("openai/chat", "chat --profile openai", OPENAI, Text),
    row("openai/transcribe", "transcribe", OPENAI, Captions(24_000)),
    row("openai/subprotocol", "chat --auth subprotocol", OPENAI, Text),
    row(
        "openai/wrong-key",
        "talk",
        OPENAI,
        Refused(6, &["(close code 3000): Incorrect API key provided", "OPENAI_API_KEY"]),
    ),
    row("openai/no-key", "chat --auth none", OPENAI, Refused(6, &["(close code 3000): Missing bearer"])),
    row(
        "openai/wrong-model",
        "chat --model gpt-realtime-99",
        OPENAI,
        Refused(6, &["(close code 4000): Model \"gpt-realtime-99\" is not supported", "--model"]),
    ),
    row(
        "openai/model-and-intent",
        "transcribe --url wss://api.openai.com/v1/realtime?model=gpt-realtime-whisper",
        OPENAI,
        Refused(6, &["(close code 4000): You must not provide a model parameter"]),
    ),
    row(
        "openai/no-quota",
        "chat",
        OPENAI,
        Refused(6, &["You exceeded your current quota", "check plan and billing"]),
    ),
    row("openai/error-stays-open", "chat", OPENAI, Refused(6, &["rtvoice: The server had an error."])),
    row("openai/chat-spoken", "chat", OPENAI, Text),
    row("openai/captions-never", "transcribe", OPENAI, Refused(6, &["rtvoice: no caption arrived for"])),
    row(
        "openai/refused-then-1011",
        "chat",
        OPENAI,
        Refused(6, &["Model gpt-realtime-2 is not supported in this region", "--model"]),
    ),
    row("openai-beta/header", "chat --dialect beta", OPENAI, Refused(6, &[BETA_IS_OVER, "--dialect ga"])),
    row(
        "openai-beta/subprotocol",
        "talk --dialect beta --auth subprotocol",
        OPENAI,
        Refused(6, &[BETA_IS_OVER, "--dialect ga"]),
    ),
    row("azure/talk", "talk --profile azure --model voice", AZURE, Voice(24_000)),
    row("azure/chat", "chat --profile azure --model voice", AZURE, Text),
    row("azure/talk-entra", "talk --profile azure --auth bearer --model voice", ENTRA, Voice(24_000)),
    row("azure/transcribe", "transcribe --profile azure --model voice", AZURE, Captions(24_000)),
    row(
        "azure/wrong-key",
        "chat --profile azure --model voice",
        AZURE,
        Refused(
            6,
            &[
                "401 Unauthorized: Access denied due to invalid subscription key",
                "check that the key is valid",
            ],
        ),
    ),
    row(
        "azure/no-deployment",
        "chat --profile azure --model nowhere",
        AZURE,
        Refused(6, &["404 Not Found: The API deployment for this resource does not exist"]),
    ),
    row(
        "azure/model-in-url",
        "chat --profile azure --model gpt-realtime-whisper",
        AZURE,
        Refused(6, &["400 Bad Request: The realtime operation does not work with the specified model"]),
    ),
    row(
        "azure/talk-elsewhere",
        "talk --url wss://contoso.cognitiveservices.azure.com/openai/v1/realtime --model voice",
        ("contoso.cognitiveservices.azure.com:443", &["AZURE_OPENAI_API_KEY"]),
        Voice(24_000),
    ),
    row("azure-preview/talk", "talk --profile azure-preview --model voice", AZURE, Voice(24_000)),
    row("azure-preview/chat", "chat --profile azure-preview --model voice", AZURE, Text),
    row("ope-ai/talk", "talk --profile ope-ai", OPE_AI, Voice(24_000)),
    row("ope-ai/talk-subprotocol", "talk --profile ope-ai --auth subprotocol", OPE_AI, Voice(24_000)),
    row("ope-ai/transcribe", "transcribe --profile ope-ai", OPE_AI, Captions(24_000)),
    row(
        "ope-ai/transcribe-subprotocol",
        "transcribe --profile ope-ai --auth subprotocol",
        OPE_AI,
        Captions(24_000),
    ),
    row("ope-ai/chat-beta-is-over", "chat --profile ope-ai", OPE_AI, TextAfter("trying GA")),
    row("ope-ai/chat-without-marker", "chat --profile ope-ai", OPE_AI, TextAfter("retried without it")),
    row(
        "ope-ai/refused-twice",
        "chat --profile ope-ai",
        OPE_AI,
        Refused(
            6,
            &["with the beta header", "unknown header: OpenAI-Beta", "without it", "is not available"],
        ),
    ),
    row("openopen8/talk", "talk --profile openopen8 --model gpt-realtime-2", OPENOPEN8, Voice(24_000)),
    row(
        "openopen8/talk-clear",
        "talk --url ws://openopen8.ai/v1/realtime --allow-clear-key",
        ("openopen8.ai:80", OPENOPEN8.1),
        Voice(24_000),
    ),
    row("openopen8/chat", "chat --profile openopen8", OPENOPEN8, Text),
    row("openopen8/transcribe", "transcribe --profile openopen8", OPENOPEN8, Captions(24_000)),
    row(
        "new-api/talk",
        "talk --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2",
        NEW_API,
        Voice(24_000),
    ),
    row(
        "new-api/talk-voice",
        "talk --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2 --voice cedar",
        NEW_API,
        Voice(24_000),
    ),
    row(
        "new-api/chat-subprotocol",
        "chat --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2 --auth subprotocol",
        NEW_API,
        Text,
    ),
    row(
        "new-api/transcribe",
        "transcribe --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-transcribe",
        NEW_API,
        Captions(24_000),
    ),
    row(
        "new-api/wrong-key",
        "chat --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2",
        NEW_API,
        Refused(6, &["401 Unauthorized: 无效的令牌", "check that the key is valid"]),
    ),
    row(
        "new-api/no-model",
        "chat --profile new-api --url wss://gateway.example.com/v1/realtime",
        NEW_API,
        Refused(6, &["400 Bad Request: 未指定模型名称", "check the URL and the model"]),
    ),
    row(
        "new-api/no-channel",
        "chat --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2",
        NEW_API,
        Refused(
            6,
            &["503 Service Unavailable: No available channel for model gpt-realtime-2", "a realtime channel"],
        ),
    ),
    row(
        "new-api/too-old",
        "chat --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2",
        NEW_API,
        Refused(6, &[BETA_IS_OVER, "outdated gateway adds the beta header"]),
    ),
    row(
        "new-api/upstream",
        "chat --profile new-api --url wss://gateway.example.com/v1/realtime --model gpt-realtime-2",
        NEW_API,
        Refused(5, &["the connection broke: dial upstream failed: bad handshake"]),
    ),
    row("localai/talk", "talk --profile localai --model gpt-realtime", LOCALAI, Voice(24_000)),
    row("localai/chat", "chat --profile localai --model gpt-realtime", LOCALAI, Text),
    row("localai/transcribe", "transcribe --profile localai", LOCALAI, Captions(24_000)),
    row(
        "localai/no-model",
        "chat --profile localai --model nothing",
        LOCALAI,
        Refused(6, &["Failed to load model: could not load model nothing", "see its log"]),
    ),
    row("hf/talk", "talk --profile hf", HF, Voice(24_000)),
    row("hf/chat", "chat --profile hf", HF, Text),
    row(
        "hf/busy",
        "talk --profile hf",
        HF,
        Refused(6, &["Maximum number of concurrent sessions", "try again later"]),
    ),
    row("speaches/talk", "talk --profile speaches --model gpt-4o-mini", SPEACHES, Voice(24_000)),
    row(
        "speaches/talk-by-url",
        "talk --url ws://127.0.0.1:8000/v1/realtime --model gpt-4o-mini",
        SPEACHES,
        Voice(24_000),
    ),
    row("speaches/chat", "chat --profile speaches --model gpt-4o-mini", SPEACHES, Text),
    row("speaches/transcribe", "transcribe --profile speaches", SPEACHES, Captions(24_000)),
    row("qwen/talk", "talk --profile qwen", QWEN, Voice(16_000)),
    row("qwen/chat", "chat --profile qwen", QWEN, Text),
    row("qwen/transcribe", "transcribe --profile qwen", QWEN, Captions(16_000)),
    row(
        "qwen/wrong-key",
        "chat --profile qwen",
        QWEN,
        Refused(6, &["401 Unauthorized: Invalid API-key provided.", "check that the key is valid"]),
    ),
    row(
        "qwen/wrong-value",
        "chat --profile qwen",
        QWEN,
        Refused(6, &["the endpoint refused the session's settings: Invalid modalities"]),
    ),
    row("xai/talk", "talk --profile xai", XAI, Voice(24_000)),
    row("xai/talk-voice", "talk --profile xai --voice Ara", XAI, Voice(24_000)),
    row("xai/chat", "chat --profile xai", XAI, Text),
    row(
        "xai/wrong-key",
        "chat --profile xai",
        XAI,
        Refused(6, &["401 Unauthorized: Incorrect API key provided", "check that the key is valid"]),
    ),
    row("vllm/talk", "talk --url ws://127.0.0.1:8000/v1/realtime --model m", SPEACHES, Refused(6, &[VLLM])),
    row(
        "tolerated/captions_out_of_order",
        "transcribe --url ws://127.0.0.1:8000/v1/realtime",
        SPEACHES,
        Lines("user", &["First.", "Second.", "Third."]),
    ),
    row(
        "tolerated/captions_without_item_id",
        "transcribe --url ws://127.0.0.1:8000/v1/realtime",
        SPEACHES,
        Lines("user", &["Sentence 1.", "Sentence 2.", "Sentence 3."]),
    ),
    row(
        "tolerated/chat_done_text_trimmed",
        "chat --url ws://127.0.0.1:8000/v1/realtime --model m",
        SPEACHES,
        Lines("assistant", &["Hello there."]),
    ),
    row(
        "tolerated/talk_deltas_without_ids",
        "talk --url ws://127.0.0.1:8000/v1/realtime --model m",
        SPEACHES,
        Lines("assistant", &["Hello there."]),
    ),
    row(
        "tolerated/talk_done_per_sentence",
        "talk --url ws://127.0.0.1:8000/v1/realtime --model m",
        SPEACHES,
        Lines("assistant", &["First sentence. Second sentence. Third sentence."]),
    ),
    row("vllm/transcribe", "transcribe --url ws://127.0.0.1:8000/v1/realtime", SPEACHES, Refused(6, &[VLLM])),
];

#[test]
fn each_endpoint_is_dialled_spoken_to_and_understood_as_its_documents_have_it() {
    check(TABLE);
}

#[test]
fn what_an_endpoint_does_not_have_is_reported_before_it_is_dialled() {
    for (command, code, says, hints) in [
        (
            "transcribe --profile hf speech.wav",
            3,
            "profile hf has no sessions for captions only",
            "rtvoice talk",
        ),
        (
            "transcribe --profile xai speech.wav",
            3,
            "profile xai has no sessions for captions only",
            "rtvoice talk",
        ),
        (
            "talk --url wss://api.openai.com/v1/live/sessions",
            6,
            "wss://api.openai.com/v1/live/sessions uses the GPT-Live protocol instead of Realtime",
            "dial /v1/realtime with a realtime model",
        ),
        (
            "chat --url wss://contoso.openai.azure.com/openai/v1/live/sessions hello",
            6,
            "uses the GPT-Live protocol",
            "dial /openai/v1/realtime",
        ),
        (
            "talk --url wss://api.openai.com/v1/realtime/translations?model=gpt-realtime-translate",
            6,
            "uses the Realtime translation protocol",
            "dial /v1/realtime",
        ),
        ("talk --profile new-api", 3, "the profile new-api has no URL", "--url"),
        ("talk --profile azure", 3, "the profile azure has no resource", "RTVOICE_RESOURCE"),
        ("chat --profile localai hello", 3, "the profile localai has no model", "--model"),
    ] {
        // A dial would be refused.
        let program =
            Program::rtvoice(command).env("RTVOICE_PROXY", "http://127.0.0.1:1").env("RTVOICE_API_KEY", KEY);
        let outcome = program.run().expect_code(code);
        let (said, hint) = outcome.stderr.split_once("\nhint: ").expect("there is a hint");
        assert!(said.starts_with("rtvoice: ") && said.contains(says), "{command}: {said}");
        assert!(hint.contains(hints), "{command}: {hint}");
    }
}

/// Each documented command is one of the table, with the reader's own names in it.
#[test]
fn the_documented_commands_are_those_of_the_table() {
    let page =
        include_str!("../../docs/endpoints.md").split("\n## Profiles\n").nth(1).expect("it has the section");
    let rows = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let mut found = 0;
    for line in
        rows.filter(|line| !line.starts_with("| any other ") && !line.starts_with("| built-in endpoint"))
    {
        let command = line.rsplit('`').nth(1).and_then(|command| command.split_once("rtvoice "));
        let command = command.unwrap_or_else(|| panic!("there is no command: {line}")).1;
        let of_test = [
            ("DEPLOYMENT", "voice"),
            (" talk.wav", ""),
            ("NAME.", "contoso."),
            ("--profile speaches --model MODEL", "--profile speaches --model gpt-4o-mini"),
        ];
        let command =
            of_test.iter().fold(command.to_owned(), |command, (name, own)| command.replace(name, own));
        assert!(TABLE.iter().any(|row| row.command == command), "{command:?} is not in the table");
        found += 1;
    }
    assert!(found > 15, "{found}");
}

/// Checks all rows, and tells of each that fails.
fn check(rows: &[Row]) {
    let next = AtomicUsize::new(0);
    let failed: Vec<String> = thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                // The message is printed where it fails.
                if catch_unwind(AssertUnwindSafe(|| row.check())).is_err() {
                    failed.push(format!("{}: {}", row.script, row.command));
                }
            }
            failed
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a failed row is caught")).collect()
    });
    assert_eq!(failed, [""; 0]);
}
