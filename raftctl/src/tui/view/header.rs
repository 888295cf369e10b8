//! The two lines that are always there: the cluster, and the screens.
//!
//! The first one folds where it does not fit: first in what it says beside the point, then from
//! words to letters. Leader, term and commit index stay to the last.

use ratatui::{Frame, layout::Rect, style::Style, text::Span};

use super::{glyph, panel};
use crate::{
    output::table::grouped,
    survey::{Survey, Verdict, Weight},
    tui::{
        app::{App, Areas, Screen},
        text,
    },
};

/// Narrower than this, letters stand for words.
const WORDS: u16 = 100;

/// Younger data is live.
const LIVE: std::time::Duration = std::time::Duration::from_secs(1);

/// Both lines.
pub(crate) fn draw(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    cluster(frame, area, app);
    if area.height > 1 {
        tabs(frame, area, app, areas);
    }
}

type Part = Vec<Span<'static>>;

fn part(text: impl Into<String>, style: Style) -> Part {
    vec![Span::styled(text.into(), style)]
}

/// How the line is put together.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Form {
    words: bool,
    program: bool,
    name: bool,
    up: bool,
    quorum: bool,
    problems: bool,
    marks: bool,
    right: bool,
    /// Cells for the name of the leader.
    leader: usize,
}

/// From the fullest to the shortest.
fn forms(width: u16) -> Vec<Form> {
    let full = Form {
        words: true,
        program: true,
        name: true,
        up: true,
        quorum: true,
        problems: true,
        marks: true,
        right: true,
        leader: 24,
    };
    let bare = Form {
        program: false,
        ..full
    };
    let concise = Form { up: false, ..bare };
    let folded = Form {
        words: false,
        up: false,
        leader: 16,
        ..bare
    };
    let unnamed = Form {
        name: false,
        ..folded
    };
    let unmarked = Form {
        marks: false,
        ..unnamed
    };
    let short = Form {
        quorum: false,
        leader: 8,
        ..unmarked
    };
    let shorter = Form {
        problems: false,
        ..short
    };
    let shortest = Form {
        right: false,
        ..shorter
    };
    let mut forms = vec![folded, unnamed, unmarked, short, shorter, shortest];
    if width >= WORDS {
        forms.splice(0..0, [full, bare, concise]);
    }
    forms
}

fn cluster(frame: &mut Frame, area: Rect, app: &App) {
    let theme = app.settings.theme;
    let width = usize::from(area.width);
    let mut line = Part::new();
    for form in forms(area.width) {
        let (left, right) = (left(app, form), right(app, form));
        let wide = |spans: &[Span]| -> usize { spans.iter().map(Span::width).sum() };
        let (taken, end) = (wide(&left), wide(&right));
        let fits = taken + end + if end > 0 { 4 } else { 1 } <= width;
        let missing = width.saturating_sub(taken + end + 4);
        line = left;
        if end > 0 && fits {
            let fill = if form.words { glyph::rule(theme) } else { " " };
            line.push(Span::raw(" "));
            line.push(Span::styled(fill.repeat(missing + 1), theme.dim()));
            line.push(Span::raw(" "));
            line.extend(right);
        }
        if fits {
            break;
        }
    }
    panel::put(frame, area, 0, line, theme);
}

/// What is known of the cluster.
fn left(app: &App, form: Form) -> Part {
    let theme = app.settings.theme;
    let mut line = part(" ", Style::new());
    if form.program {
        line.push(Span::styled("raftnode", theme.heading()));
        line.push(Span::raw("  "));
    }
    let mut parts: Vec<Part> = Vec::new();
    let silent = app.cluster.error.is_some();
    if silent {
        let words = if form.words {
            "no member answers"
        } else {
            "no answer"
        };
        parts.push(part(words, theme.bad()));
    }
    // Who is up, and what is wrong with whom, is not known then.
    let form = Form {
        up: form.up && !silent,
        quorum: form.quorum && !silent,
        problems: form.problems && !silent,
        ..form
    };
    match &app.cluster.survey {
        Some(survey) => {
            let mut known = facts(app, survey, form);
            if silent {
                // As it was when somebody answered last.
                for span in known.iter_mut().flatten() {
                    span.style = theme.dim();
                }
            }
            // The name stands first.
            let name = usize::from(form.name && form.words).min(known.len());
            parts.splice(0..0, known.drain(..name));
            parts.extend(known);
        }
        None => parts.push(endpoints(app, silent)),
    }
    let between = if form.words {
        let rule = glyph::rule(theme);
        format!(" {rule}{rule} ")
    } else {
        "  ".to_owned()
    };
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            line.push(Span::styled(between.clone(), theme.dim()));
        }
        line.extend(part);
    }
    line
}

/// Before the first answer.
fn endpoints(app: &App, silent: bool) -> Part {
    let theme = app.settings.theme;
    let endpoints = app.settings.endpoints.join(", ");
    let words = if silent { "at" } else { "connecting to" };
    let text = format!("{words} {}", glyph::harmless(theme, &endpoints));
    part(text, theme.dim())
}

fn facts(app: &App, survey: &Survey, form: Form) -> Vec<Part> {
    let theme = app.settings.theme;
    let plain = Style::new();
    let mut parts = Vec::new();
    if form.name {
        let name: String = survey.cluster_id.chars().take(8).collect();
        let name = if name.is_empty() {
            "forming".to_owned()
        } else {
            name
        };
        parts.push(part(glyph::harmless(theme, &name), theme.heading()));
    }
    if form.up {
        let members = survey.membership().count();
        let up = survey.membership().filter(|seen| seen.is_up()).count();
        let style = if up < members { theme.warning() } else { plain };
        parts.push(part(format!("{up} of {members} up"), style));
    }
    parts.extend(leader(app, survey, form));
    let word = |long: &str, short: &str| {
        if form.words {
            long.to_owned()
        } else {
            short.to_owned()
        }
    };
    let commit = grouped(survey.commit);
    parts.push(part(word("commit ", "c") + &commit, plain));
    if form.quorum {
        let quorum = format!("{}/{}", survey.voters_up, survey.voters);
        let style = match survey.voters_up {
            _ if !survey.has_quorum() => theme.bad(),
            up if up < survey.voters => theme.warning(),
            _ => plain,
        };
        parts.push(part(word("quorum ", "") + &quorum, style));
    }
    if form.problems {
        parts.extend(problems(app, survey, form));
    }
    parts
}

/// Who leads, and the term; or for how long nobody does.
fn leader(app: &App, survey: &Survey, form: Form) -> Vec<Part> {
    let theme = app.settings.theme;
    let none = glyph::none(theme);
    let label = if form.words { "leader " } else { "" };
    if let Some(electing) = &app.cluster.electing {
        let lasts = text::age(app.now.saturating_duration_since(electing.since));
        let term = electing.term.max(survey.term);
        let text = if form.words {
            format!("{label}{none} electing, term {term}, {lasts}")
        } else if form.name {
            format!("{none} electing, term {term}, {lasts}")
        } else {
            format!("{none} electing t{term} {lasts}")
        };
        return vec![part(text, theme.warning())];
    }
    let term = if form.words { "term " } else { "t" };
    let term = part(format!("{term}{}", survey.term), Style::new());
    let leader = match &survey.leader {
        Some(leader) => {
            let name = glyph::harmless(theme, crate::survey::label(leader));
            let name = text::cut(&name, form.leader, glyph::ellipsis(theme));
            let mut spans = part(label, Style::new());
            let mark = glyph::leader(theme);
            spans.push(Span::styled(format!("{mark} {name}"), theme.leader()));
            spans
        }
        None if survey.voters == 0 => part(format!("{label}{none}"), theme.dim()),
        None if form.words => part(format!("{label}{none} none"), theme.bad()),
        None => part(format!("{none} no leader"), theme.bad()),
    };
    vec![leader, term]
}

/// `! 2 problems`.
fn problems(app: &App, survey: &Survey, form: Form) -> Option<Part> {
    let theme = app.settings.theme;
    let findings = survey.findings();
    let weighty = findings.iter().filter(|it| it.weight > Weight::Notice);
    let count = weighty.count();
    // While an election runs, the line says what is wrong.
    if count == 0 || app.cluster.electing.is_some() {
        return None;
    }
    let style = match survey.verdict() {
        Verdict::NoQuorum => theme.bad(),
        Verdict::Degraded | Verdict::Healthy => theme.warning(),
    };
    let text = match (form.marks, count) {
        (false, _) => format!("!{count}"),
        (true, 1) => "! 1 problem".to_owned(),
        (true, _) => format!("! {count} problems"),
    };
    Some(part(text, style))
}

/// How old the data is, and what is otherwise than usual.
fn right(app: &App, form: Form) -> Part {
    let theme = app.settings.theme;
    let mut parts: Vec<Part> = Vec::new();
    if !form.right {
        return Part::new();
    }
    if app.settings.read_only && form.marks {
        parts.push(part("read-only", theme.dim()));
    }
    if let Some(frozen) = &app.frozen {
        let since = glyph::whole(app.now.saturating_duration_since(frozen.0));
        parts.push(part(format!("frozen {since}"), theme.leader()));
    }
    let age = app
        .cluster
        .heard
        .map(|heard| app.now.saturating_duration_since(heard));
    match age {
        Some(age) if age < LIVE && app.cluster.error.is_none() => {
            // Frozen it is not, whatever the age of what comes in.
            let live = app.frozen.is_none().then(|| part("live", theme.good()));
            parts.extend(live);
        }
        Some(age) if form.marks => {
            let text = format!("{} old", glyph::whole(age));
            parts.push(part(text, theme.warning()));
        }
        Some(age) => parts.push(part(glyph::whole(age), theme.warning())),
        None => {}
    }
    let mut line = Part::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            line.push(Span::raw("  "));
        }
        line.extend(part);
    }
    line
}

/// The screens, all by name or only the current one.
fn tabs(frame: &mut Frame, area: Rect, app: &App, areas: &mut Areas) {
    let theme = app.settings.theme;
    let label = |screen: Screen, named: bool| {
        if named || screen == app.screen {
            format!(" {} {} ", screen.number(), screen.title())
        } else {
            format!(" {} ", screen.number())
        }
    };
    let wide = |named: bool| -> usize {
        let labels = Screen::ALL.map(|screen| text::width(&label(screen, named)));
        labels.iter().sum::<usize>() + labels.len() - 1
    };
    let width = usize::from(area.width);
    let named = wide(true) <= width;
    let mut spans = Part::new();
    let mut at = area.x;
    for screen in Screen::ALL {
        let label = label(screen, named);
        if screen != Screen::ALL[0] {
            spans.push(Span::raw(" "));
            at = at.saturating_add(1);
        }
        let cells = u16::try_from(label.len()).unwrap_or(u16::MAX);
        let place = Rect::new(at, area.y + 1, cells, 1).intersection(area);
        if !place.is_empty() {
            areas.tabs.push((place, screen));
        }
        at = at.saturating_add(cells);
        let style = if screen == app.screen {
            theme.selected().patch(theme.heading())
        } else {
            Style::new()
        };
        spans.push(Span::styled(label, style));
    }
    let help = "? help";
    let taken = wide(named);
    if taken + help.len() + 3 <= width {
        let missing = width - taken - help.len() - 1;
        spans.push(Span::raw(" ".repeat(missing)));
        spans.push(Span::styled(help, theme.dim()));
    }
    panel::put(frame, area, 1, spans, theme);
}
