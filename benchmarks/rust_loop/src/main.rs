//! A worker for workers.py with Card::transmit of the pcsc crate. Each line of the input is "row capacity command count".
//! If the count is 0, it makes one exchange and prints the response in hexadecimal. Otherwise it makes this number of
//! exchanges and prints the nanoseconds for one of them.

use std::io::{stdin, stdout, BufRead, Write};
use std::time::Instant;

use pcsc::{Context, Protocols, Scope, ShareMode};

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn main() {
    let context = Context::establish(Scope::System).expect("no context");
    let mut names = [0; 4096];
    let reader = context.list_readers(&mut names).expect("no readers").next().expect("no reader");
    let card = context.connect(reader, ShareMode::Shared, Protocols::ANY).expect("no card");
    for line in stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let mut response = vec![0; words[1].parse().unwrap()];
        let command = bytes_of(words[2]);
        let count: u64 = words[3].parse().unwrap();
        if count == 0 {
            let answer = card.transmit(&command, &mut response).expect("SCardTransmit failed");
            let hex: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{hex}");
        } else {
            let start = Instant::now();
            for _ in 0..count {
                let answer = card.transmit(&command, &mut response).expect("SCardTransmit failed");
                std::hint::black_box(answer);
            }
            println!("{}", start.elapsed().as_nanos() as f64 / count as f64);
        }
        stdout().flush().unwrap();
    }
}
