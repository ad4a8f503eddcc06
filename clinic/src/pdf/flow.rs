//! The flow of a sheet: blocks one under the other over as many pages as it takes, and the tree that says what they are.

use std::num::NonZeroU16;

use krilla::tagging::{ListNumbering, TableHeaderScope, Tag, TagKind};

use super::text::{Weight, face, lines, settable};
use super::{Info, PdfError, draw};

/// A4, in points.
pub(super) const PAGE: (f32, f32) = (595.28, 841.89);
pub(super) const LEFT: f32 = 56.0;
pub(super) const WIDTH: f32 = PAGE.0 - 2.0 * LEFT;
const TOP: f32 = 60.0;
/// Lowest baseline of the text.
const BOTTOM: f32 = PAGE.1 - 70.0;

pub(super) type Color = (u8, u8, u8);
/// All of them stand on white with a contrast above 4.5 (WCAG 1.4.3).
pub(super) const INK: Color = (26, 31, 36);
pub(super) const SOFT: Color = (84, 94, 105);
pub(super) const ACCENT: Color = (11, 79, 108);
const RULE: Color = (201, 209, 216);
const TINT: Color = (237, 243, 246);

/// How a text is set.
#[derive(Clone, Copy)]
struct Style {
    weight: Weight,
    size: f32,
    leading: f32,
    color: Color,
}

const fn style(weight: Weight, size: f32, leading: f32, color: Color) -> Style {
    Style { weight, size, leading, color }
}

const TITLE: Style = style(Weight::Bold, 20.0, 25.0, ACCENT);
const SUBTITLE: Style = style(Weight::Regular, 11.5, 16.0, SOFT);
const HEADING: Style = style(Weight::Bold, 12.5, 17.0, ACCENT);
const SUBHEADING: Style = style(Weight::Bold, 10.0, 14.0, INK);
const BODY: Style = style(Weight::Regular, 10.0, 14.0, INK);
const STRONG: Style = style(Weight::Bold, 10.0, 14.0, INK);
const LABEL: Style = style(Weight::Regular, 10.0, 14.0, SOFT);
const SMALL: Style = style(Weight::Regular, 8.5, 11.5, SOFT);
const CELL: Style = style(Weight::Regular, 9.0, 12.0, INK);
const HEAD: Style = style(Weight::Bold, 9.0, 12.0, ACCENT);

/// Something drawn at a place of a page.
pub(super) enum Ink {
    /// `y`: the baseline.
    Text {
        x: f32,
        y: f32,
        weight: Weight,
        size: f32,
        color: Color,
        text: String,
    },
    Box {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        color: Color,
    },
}

/// Ink with its leaf in the tree; without one it is decoration.
pub(super) struct Item {
    pub leaf: Option<usize>,
    pub ink: Ink,
}

/// A node of the tree: its children are nodes, or it is a leaf that items point to.
pub(super) struct Node {
    pub tag: TagKind,
    pub children: Vec<usize>,
}

pub(super) struct Mark {
    pub text: String,
    pub page: usize,
    pub y: f32,
    pub level: u16,
}

/// Rows under a head that comes again on every page.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    pub head: &'a [&'a str],
    /// Widths of the columns, as parts of the whole.
    pub shares: &'a [f32],
    pub rows: Vec<Vec<String>>,
}

/// A sheet being written.
pub struct Sheet {
    info: Info,
    pages: Vec<Vec<Item>>,
    nodes: Vec<Node>,
    roots: Vec<usize>,
    outline: Vec<Mark>,
    /// Where the next block begins, from the top.
    y: f32,
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet").field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}

impl Sheet {
    pub fn new(info: Info) -> Sheet {
        Sheet {
            info,
            pages: vec![Vec::new()],
            nodes: Vec::new(),
            roots: Vec::new(),
            outline: Vec::new(),
            y: TOP,
        }
    }

    /// Who writes: the first line strong.
    pub fn letterhead(&mut self, lines: &[String]) {
        for (at, line) in lines.iter().filter(|line| !line.trim().is_empty()).enumerate() {
            let style = if at == 0 { STRONG } else { style(Weight::Regular, 9.0, 12.5, SOFT) };
            self.block(Tag::P.into(), line, style, LEFT, WIDTH);
        }
        self.y += 7.0;
        self.rule(1.2, ACCENT);
        self.y += 18.0;
    }

    /// The one heading of the first level.
    pub fn title(&mut self, title: &str, subtitle: &str) {
        self.headline(1, title, TITLE);
        self.block(Tag::P.into(), subtitle, SUBTITLE, LEFT, WIDTH);
        self.y += 6.0;
    }

    /// What must not be overlooked, in a tinted box.
    pub fn callout(&mut self, text: &str) {
        let Some(bold) = face(Weight::Bold) else { return };
        let text = settable(text);
        let inner = WIDTH - 20.0;
        let set = lines(&text, bold, STRONG.size, inner);
        let height = to_f32(set.len()) * STRONG.leading + 14.0;
        self.room(height + 8.0);
        self.y += 4.0;
        let (y, leaf) = (self.y, self.leaf(Tag::P.into()));
        self.decorate(Ink::Box { x: LEFT, y, width: WIDTH, height, color: TINT });
        self.decorate(Ink::Box { x: LEFT, y, width: 3.0, height, color: ACCENT });
        self.y += 7.0;
        for line in set {
            self.line(leaf, &line, STRONG, LEFT + 12.0);
        }
        self.y += 11.0;
    }

    pub fn heading(&mut self, text: &str) {
        // Not alone at the foot of a page: two lines of a paragraph, or the head of a table with a row, go with it.
        self.room(HEADING.leading + 74.0);
        self.y += 14.0;
        self.headline(2, text, HEADING);
        self.y += 1.0;
        self.rule(0.6, RULE);
        self.y += 7.0;
    }

    pub fn subheading(&mut self, text: &str) {
        self.room(SUBHEADING.leading + 3.0 * BODY.leading);
        self.y += 3.0;
        self.headline(3, text, SUBHEADING);
    }

    /// One paragraph for each line of the text.
    pub fn paragraph(&mut self, text: &str) {
        for part in text.lines().filter(|part| !part.trim().is_empty()) {
            self.block(Tag::P.into(), part, BODY, LEFT, WIDTH);
            self.y += 3.0;
        }
        self.y += 2.0;
    }

    /// In small letters.
    pub fn note(&mut self, text: &str) {
        for part in text.lines().filter(|part| !part.trim().is_empty()) {
            self.block(Tag::P.into(), part, SMALL, LEFT, WIDTH);
            self.y += 2.0;
        }
        self.y += 2.0;
    }

    /// Points of a list.
    pub fn list(&mut self, points: &[String]) {
        let list = self.branch(None, Tag::L(ListNumbering::Disc).into());
        for point in points {
            let item = self.branch(Some(list), Tag::LI.into());
            self.room(BODY.leading);
            let label = self.branch(Some(item), Tag::Lbl.into());
            let y = self.y + BODY.size;
            self.put(Some(label), text(LEFT + 2.0, y, BODY, "•"));
            let body = self.branch(Some(item), Tag::LBody.into());
            self.run(body, point, BODY, LEFT + 14.0, WIDTH - 14.0);
            self.y += 2.0;
        }
        self.y += 4.0;
    }

    /// Pairs of name and value; a table whose heads stand at the left.
    pub fn facts<L: AsRef<str>>(&mut self, facts: &[(L, String)]) {
        const NAMES: f32 = 148.0;
        let table = self.branch(None, Tag::Table.into());
        let body = self.branch(Some(table), Tag::TBody.into());
        for (name, value) in facts {
            let cells = [
                (Tag::TH(TableHeaderScope::Row).into(), name.as_ref(), LABEL, LEFT, NAMES - 12.0),
                (Tag::TD.into(), value.as_str(), BODY, LEFT + NAMES, WIDTH - NAMES),
            ];
            let row = self.branch(Some(body), Tag::TR.into());
            self.row(row, cells.to_vec(), 1.5, &|_| ());
        }
        self.y += 6.0;
    }

    pub fn table(&mut self, table: &Table<'_>) {
        const GAP: f32 = 8.0;
        let whole: f32 = table.shares.iter().sum();
        let mut columns = Vec::new();
        let mut x = LEFT;
        for share in table.shares {
            let width = WIDTH * share / whole;
            columns.push((x, width - GAP));
            x += width;
        }
        let node = self.branch(None, Tag::Table.into());
        let head = self.branch(Some(node), Tag::THead.into());
        let head_row = self.branch(Some(head), Tag::TR.into());
        let cells = |tag: &TagKind, texts: &[&'_ str], style: Style| -> Vec<Cell> {
            let pairs = texts.iter().zip(&columns);
            pairs.map(|(text, (x, width))| (tag.clone(), (*text).to_owned(), style, *x, *width)).collect()
        };
        let scope = Tag::TH(TableHeaderScope::Column).into();
        self.cells(Some(head_row), &cells(&scope, table.head, HEAD), 2.0, &|_| ());
        self.rule(0.8, ACCENT);
        let again = cells(&scope, table.head, HEAD);
        let body = self.branch(Some(node), Tag::TBody.into());
        for row in &table.rows {
            let texts: Vec<&str> = row.iter().map(String::as_str).collect();
            let tr = self.branch(Some(body), Tag::TR.into());
            let cells = cells(&Tag::TD.into(), &texts, CELL);
            self.cells(Some(tr), &cells, 3.0, &|sheet: &mut Sheet| {
                // The head of a page that goes on is for the eye: the tree has it once.
                sheet.cells(None, &again, 2.0, &|_| ());
                sheet.rule(0.8, ACCENT);
            });
            self.rule(0.4, RULE);
        }
        self.y += 8.0;
    }

    /// Draws it all.
    pub fn finish(self) -> Result<Vec<u8>, PdfError> {
        draw::draw(&self.info, self.pages, &self.nodes, &self.roots, &self.outline)
    }

    fn row(
        &mut self,
        row: usize,
        cells: Vec<(TagKind, &str, Style, f32, f32)>,
        pad: f32,
        head: &dyn Fn(&mut Sheet),
    ) {
        let cells: Vec<Cell> = cells
            .into_iter()
            .map(|(tag, text, style, x, width)| (tag, text.to_owned(), style, x, width))
            .collect();
        self.cells(Some(row), &cells, pad, head);
    }

    /// One row of cells. It goes to the next page as a whole, unless it is longer than a page; `head` is drawn there first.
    /// `row`: its node; without one it is decoration.
    fn cells(&mut self, row: Option<usize>, cells: &[Cell], pad: f32, head: &dyn Fn(&mut Sheet)) {
        struct Set {
            leaf: Option<usize>,
            lines: Vec<String>,
            style: Style,
            x: f32,
        }
        let mut sets = Vec::new();
        for (tag, text, style, x, width) in cells {
            let Some(face) = face(style.weight) else { return };
            let text = settable(text);
            let text = if text.trim().is_empty() { "—".to_owned() } else { text };
            let parts = text.lines().filter(|part| !part.trim().is_empty());
            let mut set: Vec<String> = Vec::new();
            for part in parts {
                if let Some(last) = set.last_mut() {
                    last.push(' ');
                }
                set.extend(lines(part, face, style.size, *width));
            }
            let leaf = row.map(|row| self.branch(Some(row), tag.clone()));
            sets.push(Set { leaf, lines: set, style: *style, x: *x });
        }
        let leading = cells.iter().map(|cell| cell.2.leading).fold(0.0, f32::max);
        let count = sets.iter().map(|set| set.lines.len()).max().unwrap_or_default();
        let height = to_f32(count) * leading + 2.0 * pad;
        let page = BOTTOM - TOP;
        if self.y + height > BOTTOM && height < page / 2.0 {
            self.turn();
            head(self);
        }
        self.y += pad;
        for at in 0..count {
            if self.y + leading > BOTTOM {
                self.turn();
                head(self);
                self.y += pad;
            }
            for set in &sets {
                if let Some(line) = set.lines.get(at) {
                    let y = self.y + set.style.size;
                    self.put(set.leaf, text(set.x, y, set.style, line));
                }
            }
            self.y += leading;
        }
        self.y += pad;
    }

    fn headline(&mut self, level: u16, text: &str, style: Style) {
        let mut text = settable(text);
        if text.trim().is_empty() {
            // A heading without a title is refused by PDF/UA, and tells a screen reader nothing.
            text = "-".to_owned();
        }
        let number = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
        let tag = Tag::Hn(number, Some(text.clone())).into();
        self.room(style.leading);
        self.outline.push(Mark {
            text: text.clone(),
            page: self.pages.len().saturating_sub(1),
            y: self.y,
            level,
        });
        self.block(tag, &text, style, LEFT, WIDTH);
    }

    /// A block of one leaf.
    fn block(&mut self, tag: TagKind, text: &str, style: Style, x: f32, width: f32) {
        let leaf = self.leaf(tag);
        self.run(leaf, text, style, x, width);
    }

    fn run(&mut self, leaf: usize, text: &str, style: Style, x: f32, width: f32) {
        let Some(face) = face(style.weight) else { return };
        let text = settable(text);
        let text = if text.trim().is_empty() { "—" } else { text.as_str() };
        let set = lines(text, face, style.size, width);
        let count = set.len();
        for (at, line) in set.into_iter().enumerate() {
            let left = count - at;
            // No single first or last line of a longer paragraph at the foot or the top of a page.
            let together = if (at == 0 && count > 1) || left == 2 { 2.0 } else { 1.0 };
            self.room(together * style.leading);
            self.line(leaf, &line, style, x);
        }
    }

    fn line(&mut self, leaf: usize, line: &str, style: Style, x: f32) {
        let y = self.y + style.size;
        self.put(Some(leaf), text(x, y, style, line));
        self.y += style.leading;
    }

    fn rule(&mut self, height: f32, color: Color) {
        let y = self.y;
        self.decorate(Ink::Box { x: LEFT, y, width: WIDTH, height, color });
        self.y += height;
    }

    /// Turns the page unless `height` is left on it.
    fn room(&mut self, height: f32) {
        if self.y + height > BOTTOM {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    fn leaf(&mut self, tag: TagKind) -> usize {
        self.branch(None, tag)
    }

    fn branch(&mut self, parent: Option<usize>, tag: TagKind) -> usize {
        let id = self.nodes.len();
        self.nodes.push(Node { tag, children: Vec::new() });
        match parent.and_then(|parent| self.nodes.get_mut(parent)) {
            Some(parent) => parent.children.push(id),
            None => self.roots.push(id),
        }
        id
    }

    fn put(&mut self, leaf: Option<usize>, ink: Ink) {
        if let Some(page) = self.pages.last_mut() {
            page.push(Item { leaf, ink });
        }
    }

    fn decorate(&mut self, ink: Ink) {
        self.put(None, ink);
    }
}

/// Tag, text, style, left edge, width.
type Cell = (TagKind, String, Style, f32, f32);

fn text(x: f32, y: f32, style: Style, text: &str) -> Ink {
    Ink::Text { x, y, weight: style.weight, size: style.size, color: style.color, text: text.to_owned() }
}

/// Counts of lines are small.
fn to_f32(count: usize) -> f32 {
    u16::try_from(count).map_or(f32::MAX, f32::from)
}
