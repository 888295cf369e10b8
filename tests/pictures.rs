//! The pictures of the README, made from the real program on a real cluster under load. `make
//! screenshots` draws them anew; a test tells when they show what the program does not.

use std::{fs, path::PathBuf, time::Duration};

use common::types::{Lifetime, PutRequest};
use tokio::task::JoinSet;

use crate::cluster::{Cluster, Kind, Screen, wait_at_most};

/// Columns and lines of a picture.
const SIZE: (u16, u16) = (112, 32);

/// How long the load runs before the first picture: charts want something to show.
const WARM_UP: Duration = Duration::from_secs(45);

/// Tests run in the directory of their package.
fn path(name: &str) -> PathBuf {
    PathBuf::from("../raftctl/pictures").join(format!("{name}.svg"))
}

fn save(name: &str, screen: &Screen) {
    let svg = anstyle_svg::Term::new()
        .bg_color(color(24, 28, 34))
        .fg_color(color(208, 214, 222))
        .render_svg(&screen.colored());
    fs::create_dir_all(path(name).parent().expect("a directory")).expect("a directory");
    fs::write(path(name), svg).expect("a picture");
}

fn color(red: u8, green: u8, blue: u8) -> anstyle::Color {
    anstyle::Color::Rgb(anstyle::RgbColor(red, green, blue))
}

fn kind() -> Kind<'static> {
    Kind {
        size: SIZE,
        variables: &[],
    }
}

/// Web sessions that come, change and end.
async fn load(cluster: &Cluster) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for writer in 0..4_u32 {
        let client = cluster.client().await;
        tasks.spawn(async move {
            for number in 0_u32.. {
                let user = 1000 + (number * 37 + writer * 11) % 400;
                let value = format!(
                    r#"{{"uid":{user},"cart":["978159327{:04}"],"csrf":"{:08x}","visits":{number}}}"#,
                    user * 7 % 10_000,
                    user.wrapping_mul(2_654_435_761)
                );
                let mut put = PutRequest::new("sessions", format!("user:{user}"), value);
                put.lifetime = Lifetime::Ttl(Duration::from_secs(1800));
                // The leader may be killed: that is one of the pictures.
                let _ = client.put(put).await;
                let request = common::types::GetRequest::new(
                    "sessions",
                    format!("user:{}", 1000 + number % 400),
                    common::types::Consistency::Linearizable,
                );
                let _ = client.get(request).await;
                let pause = 4 + (number / 200) % 5 * 3;
                tokio::time::sleep(Duration::from_millis(pause.into())).await;
            }
        });
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes into the checkout: run `make screenshots`"]
async fn draw() {
    let mut cluster = Cluster::start(&[]).await;
    let load = load(&cluster).await;
    let client = cluster.client().await;
    for (key, value) in [("checkout/timeout", "30s"), ("features/search", "on")] {
        let put = PutRequest::new("config", key, value);
        client.put(put).await.expect("a put");
    }
    let mut kind = kind();
    let color = [("COLORTERM", std::ffi::OsStr::new("truecolor"))];
    kind.variables = &color;
    let mut screen = Screen::open(&cluster.endpoints(), &[], &kind);
    screen.expect("3 of 3 up");
    tokio::time::sleep(WARM_UP).await;
    save("overview", &screen);

    screen.press(":ns sessions\r");
    screen.expect("uid");
    screen.press("jjjj");
    tokio::time::sleep(Duration::from_secs(2)).await;
    save("browser", &screen);

    screen.press("1");
    let leader = cluster.leader().await;
    cluster.member(leader).kill();
    screen.expect("process ended");
    wait_at_most(Duration::from_secs(20), "some seconds pass", async || {
        screen.text().contains("down 4 s").then_some(())
    })
    .await;
    save("failover", &screen);
    drop(load);
    screen.press("q");
    screen.finish();
}

/// The words of a picture, line by line.
fn words(svg: &str) -> Vec<String> {
    let lines = svg.lines().filter(|line| line.contains("<tspan"));
    lines
        .map(|line| {
            let mut text = String::new();
            let mut inside = false;
            for character in line.chars() {
                match character {
                    '<' => inside = true,
                    '>' => inside = false,
                    other if !inside => text.push(other),
                    _ => {}
                }
            }
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pictures_show_what_the_program_shows() {
    let cluster = Cluster::start(&[]).await;
    let client = cluster.client().await;
    let put = PutRequest::new("sessions", "user:1", r#"{"uid":1}"#);
    client.put(put).await.expect("a put");
    let mut screen = Screen::open(&cluster.endpoints(), &[], &kind());
    screen.expect("3 of 3 up");
    for (name, keys, seen, marks) in [
        (
            "overview",
            "1",
            "Events",
            &["1 Overview", "role", "j/k"][..],
        ),
        (
            "browser",
            ":ns sessions\r",
            "uid",
            &["1 Overview", "j/k"][..],
        ),
        (
            "failover",
            "1",
            "Events",
            &["1 Overview", "role", "j/k"][..],
        ),
    ] {
        screen.press(keys);
        screen.expect(seen);
        let svg = fs::read_to_string(path(name)).expect("a picture: run `make screenshots`");
        let drawn = words(&svg);
        let shown = screen.text();
        for mark in marks {
            let shown = shown
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .find(|line| line.contains(mark))
                .unwrap_or_else(|| panic!("{mark:?} is not shown"));
            assert!(
                drawn.contains(&shown),
                "{name}.svg is stale, run `make screenshots`: there is no\n{shown}\nin\n{drawn:#?}"
            );
        }
    }
    screen.press("q");
    screen.finish();
}
