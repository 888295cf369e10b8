//! What a picture costs: measured and printed, not checked. `make bench-dashboard` runs it on a
//! release build.

use std::time::{Duration, Instant};

use ratatui::{Terminal, backend::TestBackend};

use super::{
    app::Screen,
    view::{self, testing},
};

/// Pictures of each screen.
const PICTURES: usize = 500;

#[test]
#[ignore = "a figure: run `make bench-dashboard`"]
fn a_picture() {
    let mut app = testing::seven();
    app.browser = testing::contents::ten_thousand().browser;
    assert_eq!(app.browser.rows.len(), 10_000);
    for screen in Screen::ALL {
        app.screen = screen;
        let mut terminal = Terminal::new(TestBackend::new(120, 35)).unwrap();
        let mut times: Vec<Duration> = (0..PICTURES)
            .map(|_| {
                let began = Instant::now();
                terminal
                    .draw(|frame| {
                        view::draw(frame, &app);
                    })
                    .unwrap();
                began.elapsed()
            })
            .collect();
        times.sort();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "a picture at 120x35, 7 members, 10 000 keys: {:<10} median {:.2} ms  max {:.2} ms",
            screen.title(),
            millis(times[PICTURES / 2]),
            millis(times[PICTURES - 1])
        );
    }
}
