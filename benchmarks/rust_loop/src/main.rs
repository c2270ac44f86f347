//! A worker for workers.py with the pcsc crate. Each line of the input is "row capacity command count". If the count is
//! 0, it makes one exchange with Card::transmit and prints the response in hexadecimal. Otherwise it makes this number of
//! exchanges and prints the nanoseconds for one of them. The rows "attach", "status" and "wait" make other calls, see
//! workers.py.

use std::ffi::CStr;
use std::io::{stdin, stdout, BufRead, Write};
use std::time::{Duration, Instant};

use pcsc::{Card, Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_MONOTONIC: i32 = 1;

/// Returns the nanoseconds of the clock that all processes share; std's Instant does not tell them.
fn now() -> i64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    assert_eq!(unsafe { clock_gettime(CLOCK_MONOTONIC, &mut time) }, 0);
    time.seconds * 1_000_000_000 + time.nanoseconds
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn connected(context: &Context, reader: &CStr) -> Card {
    context.connect(reader, ShareMode::Shared, Protocols::ANY).expect("no card")
}

fn nanoseconds_of_each(count: u64, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        call();
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

fn exchange(card: &Card, command: &[u8], capacity: usize, count: u64) -> String {
    let mut response = vec![0; capacity];
    if count == 0 {
        let answer = card.transmit(command, &mut response).expect("SCardTransmit failed");
        return answer.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    let time = nanoseconds_of_each(count, || {
        std::hint::black_box(card.transmit(command, &mut response).expect("SCardTransmit failed"));
    });
    time.to_string()
}

fn attach(context: &Context, reader: &CStr) {
    connected(context, reader).disconnect(Disposition::LeaveCard).map_err(|(_, error)| error).expect("SCardDisconnect");
}

fn ask_for_state(context: &Context, reader: &CStr) {
    let mut states = [ReaderState::new(reader, State::UNAWARE)];
    context.get_status_change(Duration::ZERO, &mut states).expect("SCardGetStatusChange failed");
    std::hint::black_box(&states);
}

/// Returns the time at which the next card is inserted or removed.
fn wait_for_change(context: &Context, states: &mut [ReaderState; 1]) -> i64 {
    let before = states[0].event_state().contains(State::PRESENT);
    loop {
        context.get_status_change(None, states).expect("SCardGetStatusChange failed");
        states[0].sync_current_state();
        if states[0].event_state().contains(State::PRESENT) != before {
            return now();
        }
    }
}

fn main() {
    let context = Context::establish(Scope::System).expect("no context");
    let mut names = [0; 4096];
    let reader = context.list_readers(&mut names).expect("no readers").next().expect("no reader");
    let mut states = [ReaderState::new(reader, State::EMPTY)];
    let mut card = None;
    for line in stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let count: u64 = words[3].parse().unwrap();
        let answer = match words[0] {
            "attach" => nanoseconds_of_each(count, || attach(&context, reader)).to_string(),
            "status" => nanoseconds_of_each(count, || ask_for_state(&context, reader)).to_string(),
            "wait" => wait_for_change(&context, &mut states).to_string(),
            _ => {
                let card = card.get_or_insert_with(|| connected(&context, reader));
                exchange(card, &bytes_of(words[2]), words[1].parse().unwrap(), count)
            }
        };
        println!("{answer}");
        stdout().flush().unwrap();
    }
}
