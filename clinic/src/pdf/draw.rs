//! From the flow to the file.

use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, Node as TagNode, TagGroup, TagTree};
use krilla::{Document, SerializeSettings};

use super::flow::{Color, Ink, Item, LEFT, Mark, Node, PAGE, SOFT, WIDTH};
use super::text::{Weight, face, lines, settable};
use super::{Info, PdfError};
use crate::http::Language;

const FURNITURE: f32 = 8.0;

pub(super) fn draw(
    info: &Info,
    pages: Vec<Vec<Item>>,
    nodes: &[Node],
    roots: &[usize],
    outline: &[Mark],
) -> Result<Vec<u8>, PdfError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| PdfError(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let total = pages.len();
    let mut content: Vec<Vec<Identifier>> = nodes.iter().map(|_| Vec::new()).collect();
    for (index, items) in pages.into_iter().enumerate() {
        let size = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| PdfError("page size".to_owned()))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        if index > 0 {
            furniture(&mut surface, ArtifactType::Header, 38.0, &info.running, "");
        }
        body(&mut surface, &items, &mut content);
        let of = match info.language {
            Language::Fr => format!("Page\u{a0}{} sur\u{a0}{total}", index + 1),
            Language::En => format!("Page\u{a0}{} of\u{a0}{total}", index + 1),
        };
        furniture(&mut surface, ArtifactType::Footer, PAGE.1 - 36.0, &info.foot, &of);
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(tag_of(info.language).to_owned()));
    for root in roots {
        if let Some(group) = group(*root, nodes, &mut content) {
            tree.push(group);
        }
    }
    document.set_tag_tree(tree);
    document.set_outline(outline_of(outline));
    document.set_metadata(metadata(info));
    document.finish().map_err(|error| PdfError(format!("{error:?}")))
}

fn tag_of(language: Language) -> &'static str {
    match language {
        Language::Fr => "fr-FR",
        Language::En => "en-GB",
    }
}

fn metadata(info: &Info) -> Metadata {
    let at = jiff::tz::TimeZone::UTC.to_datetime(info.at);
    let narrow = |value: i8| u8::try_from(value).unwrap_or_default();
    let date = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(narrow(at.month()))
        .day(narrow(at.day()))
        .hour(narrow(at.hour()))
        .minute(narrow(at.minute()))
        .second(narrow(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    let author = settable(&info.author);
    let metadata = Metadata::new()
        .title(settable(&info.title))
        .language(tag_of(info.language).to_owned())
        .creator("Chevet".to_owned())
        .producer(format!("Chevet {} (krilla)", env!("CARGO_PKG_VERSION")))
        .creation_date(date)
        .document_id(info.reference.clone());
    if author.is_empty() { metadata } else { metadata.authors(vec![author]) }
}

fn outline_of(marks: &[Mark]) -> Outline {
    let node = |mark: &Mark| {
        OutlineNode::new(mark.text.clone(), XyzDestination::new(mark.page, Point::from_xy(LEFT, mark.y)))
    };
    let mut outline = Outline::new();
    let mut open: Option<OutlineNode> = None;
    for mark in marks {
        if mark.level < 3 {
            if let Some(done) = open.replace(node(mark)) {
                outline.push_child(done);
            }
        } else if let Some(parent) = &mut open {
            parent.push_child(node(mark));
        }
    }
    if let Some(done) = open {
        outline.push_child(done);
    }
    outline
}

/// The group of a node. A node without content or children is left out.
fn group(id: usize, nodes: &[Node], content: &mut [Vec<Identifier>]) -> Option<TagGroup> {
    let node = nodes.get(id)?;
    let mut children: Vec<TagNode> =
        content.get_mut(id).map(std::mem::take).unwrap_or_default().into_iter().map(TagNode::from).collect();
    for child in &node.children {
        children.extend(group(*child, nodes, content).map(TagNode::from));
    }
    (!children.is_empty()).then(|| TagGroup::with_children(node.tag.clone(), children))
}

/// The items of a page; those of one leaf that follow each other are one piece of content.
fn body(surface: &mut Surface<'_>, items: &[Item], content: &mut [Vec<Identifier>]) {
    let mut current: Option<Option<usize>> = None;
    for item in items {
        if current != Some(item.leaf) {
            if current.is_some() {
                surface.end_tagged();
            }
            let identifier = surface.start_tagged(match item.leaf {
                Some(_) => ContentTag::Other,
                None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
            });
            if let Some(list) = item.leaf.and_then(|leaf| content.get_mut(leaf)) {
                list.push(identifier);
            }
            current = Some(item.leaf);
        }
        paint(surface, &item.ink);
    }
    if current.is_some() {
        surface.end_tagged();
    }
}

fn furniture(surface: &mut Surface<'_>, kind: ArtifactType, y: f32, left: &str, right: &str) {
    let Some(regular) = face(Weight::Regular) else { return };
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
    let right_width = regular.width(right, FURNITURE);
    let mut left_lines = lines(&settable(left), regular, FURNITURE, WIDTH - right_width - 16.0).into_iter();
    // One line: what does not fit is cut, with a mark. The sheet itself has it in full.
    let mut line = left_lines.next().unwrap_or_default();
    if left_lines.next().is_some() {
        line = format!("{}…", line.trim_end());
    }
    let set = |x: f32, text: String| Ink::Text {
        x,
        y,
        weight: Weight::Regular,
        size: FURNITURE,
        color: SOFT,
        text,
    };
    if !line.is_empty() {
        paint(surface, &set(LEFT, line));
    }
    if !right.is_empty() {
        paint(surface, &set(LEFT + WIDTH - right_width, right.to_owned()));
    }
    surface.end_tagged();
}

fn paint(surface: &mut Surface<'_>, ink: &Ink) {
    match ink {
        Ink::Text { x, y, weight, size, color, text } => {
            let Some(face) = face(*weight) else { return };
            surface.set_fill(Some(fill(*color)));
            let shaped = face.shape(text);
            surface.draw_glyphs(
                Point::from_xy(*x, *y),
                &shaped.glyphs,
                face.font.clone(),
                text,
                *size,
                false,
            );
        }
        Ink::Box { x, y, width, height, color } => {
            let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) else { return };
            let mut path = PathBuilder::new();
            path.push_rect(rect);
            if let Some(path) = path.finish() {
                surface.set_fill(Some(fill(*color)));
                surface.draw_path(&path);
            }
        }
    }
}

fn fill((red, green, blue): Color) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }
}
