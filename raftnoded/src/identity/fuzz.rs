//! The identity file with mutated bytes, its checksum put right.

use fuzzing::{Answer, Target};

use super::*;

const CHECKSUM: &str = "# checksum ";

fn samples() -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().expect("made");
    let data = DataDirectory::open(directory.path()).expect("opened");
    let fresh = data.identity(Some("n1"), "host", None).expect("drawn");
    // The same numbers in every run.
    let fresh = Identity {
        incarnation: 0x1122_3344_5566_7788,
        ..fresh
    };
    let founder = MemberInfo {
        name: "n1".to_owned(),
        incarnation: 7,
        client_address: "127.0.0.1:7421".to_owned(),
        peer_address: "127.0.0.1:7431".to_owned(),
        aim: Aim::Voter,
    };
    let member = Identity {
        membership: Some(Belonging {
            cluster_id: 0xdead_beef,
            node_id: 3,
            log_begun: true,
            restored: true,
            founders: vec![(1, founder).into()],
            peers: vec!["127.0.0.1:7432".to_owned()],
            removed: true,
            must_hold: Some(Position { term: 3, index: 70 }),
        }),
        ..fresh.clone()
    };
    let written = [fresh, member].map(|identity| {
        data.write(&identity).expect("written");
        fs::read(data.identity_path()).expect("read")
    });
    written.to_vec()
}

fn repair(input: &mut Vec<u8>) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    if input.starts_with(CHECKSUM.as_bytes()) {
        let sum = crc32c::crc32c(&input[end + 1..]);
        input.splice(..end, format!("{CHECKSUM}{sum:08x}").into_bytes());
    }
}

#[test]
fn identity() {
    let directory = tempfile::tempdir().expect("made");
    let data = DataDirectory::open(directory.path()).expect("opened");
    let read = move |input: &[u8]| -> Answer {
        let _stays = &directory;
        fs::write(data.identity_path(), input).expect("written");
        match data.existing() {
            Ok(Some(identity)) => {
                data.write(&identity).expect("written");
                let again = data.existing().expect("what was written");
                assert_eq!(again.as_ref(), Some(&identity));
                Ok(format!("{:?}", identity.membership.is_some()))
            }
            Ok(None) => panic!("the file is there"),
            Err(error) => {
                let path = data.path.to_str().expect("text");
                Err(error.to_string().replace(path, "DIR"))
            }
        }
    };
    Target::new("identity", env!("CARGO_MANIFEST_DIR"))
        .samples(samples())
        .repaired(repair)
        .rounds(5_000)
        .run(read);
}
