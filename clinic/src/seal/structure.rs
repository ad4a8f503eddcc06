//! The structure tree of a tagged document (ISO 32000-1, 14.7), as far as it takes to add a figure at its end.

use lopdf::{Dictionary, Object, ObjectId};

use super::stamp::number_text;
use super::update::Update;

/// Nodes of the parent tree that are looked at, and its depth.
const NODES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 16;
/// Kinds of elements that anything may be hung into.
const GROUPS: [&[u8]; 5] = [b"Document", b"Part", b"Art", b"Sect", b"Div"];

/// Adds a figure of the page to the document's tree: the number by which marked content of the page belongs to it. `None`
/// where the document is not tagged, or its tree is not as it should be; then nothing was changed.
pub fn figure(
    update: &mut Update<'_>,
    page_id: ObjectId,
    page: &mut Dictionary,
    alt: Object,
    bounds: [f64; 4],
) -> Option<usize> {
    let (_, root) = update.root().ok()?;
    let tree_id = root.get(b"StructTreeRoot").and_then(Object::as_reference).ok()?;
    let mut tree = update.dictionary(&Object::Reference(tree_id))?;
    let next = next_key(update, &tree)?;
    let element_id = update.reserve();
    let key = page.get(b"StructParents").ok().and_then(|key| update.integer(key));
    let (mark, key) = match key {
        Some(key) => (extend(update, &mut tree, key, element_id)?, key),
        None => {
            grow(update, &mut tree, next, element_id)?;
            (0, next)
        }
    };
    let parent = hang(update, tree_id, &mut tree, element_id);
    tree.set("ParentTreeNextKey", next.max(key.saturating_add(1)));
    update.set(tree_id, &Object::Dictionary(tree));
    page.set("StructParents", key);

    let mut layout = Dictionary::new();
    layout.set("O", Object::Name(b"Layout".to_vec()));
    layout.set("Placement", Object::Name(b"Block".to_vec()));
    let side = |side: f64| number_text(side).parse::<f32>().map_or(Object::Integer(0), Object::Real);
    layout.set("BBox", Object::Array(bounds.map(side).to_vec()));
    let mut element = Dictionary::new();
    element.set("Type", Object::Name(b"StructElem".to_vec()));
    element.set("S", Object::Name(b"Figure".to_vec()));
    element.set("P", Object::Reference(parent));
    element.set("Pg", Object::Reference(page_id));
    element.set("K", i64::try_from(mark).ok()?);
    element.set("Alt", alt);
    element.set("A", Object::Dictionary(layout));
    update.set(element_id, &Object::Dictionary(element));
    Some(mark)
}

/// A node of the parent tree, with its object where it has one of its own.
struct Node {
    id: Option<ObjectId>,
    entries: Dictionary,
}

fn parent_tree(update: &Update<'_>, tree: &Dictionary) -> Option<Node> {
    let entry = tree.get(b"ParentTree").ok()?;
    Some(Node { id: entry.as_reference().ok(), entries: update.dictionary(entry)? })
}

/// Every leaf, in order.
fn leaves(update: &Update<'_>, tree: &Dictionary) -> Option<Vec<Node>> {
    let mut open = vec![(parent_tree(update, tree)?, 0_usize)];
    let mut leaves = Vec::new();
    let mut seen = 0_usize;
    while let Some((node, depth)) = open.pop() {
        seen = seen.saturating_add(1);
        if seen > NODES_MAX || depth > DEPTH_MAX {
            return None;
        }
        let kids = update.array(&node.entries, b"Kids");
        if kids.is_empty() {
            leaves.push(node);
            continue;
        }
        for kid in kids.iter().rev() {
            let id = kid.as_reference().ok()?;
            open.push((Node { id: Some(id), entries: update.dictionary(kid)? }, depth.saturating_add(1)));
        }
        if open.len() > NODES_MAX {
            return None;
        }
    }
    Some(leaves)
}

/// A key that the parent tree does not have.
fn next_key(update: &Update<'_>, tree: &Dictionary) -> Option<i64> {
    let named = tree.get(b"ParentTreeNextKey").ok().and_then(|key| update.integer(key)).unwrap_or(0);
    let mut next = named.max(0);
    for leaf in leaves(update, tree)? {
        for pair in update.array(&leaf.entries, b"Nums").chunks(2) {
            let key = pair.first().and_then(|key| update.integer(key)).unwrap_or(-1);
            next = next.max(key.checked_add(1)?);
        }
    }
    i32::try_from(next).ok()?;
    Some(next)
}

/// Puts a node of the parent tree back where it came from.
fn put_back(update: &mut Update<'_>, tree: &mut Dictionary, node: Node) {
    match node.id {
        Some(id) => update.set(id, &Object::Dictionary(node.entries)),
        None => tree.set("ParentTree", Object::Dictionary(node.entries)),
    }
}

/// Adds the element to those of a page that has some: its number among them.
fn extend(update: &mut Update<'_>, tree: &mut Dictionary, key: i64, element: ObjectId) -> Option<usize> {
    for mut leaf in leaves(update, tree)? {
        let mut numbers = update.array(&leaf.entries, b"Nums");
        let at = numbers
            .chunks(2)
            .position(|pair| pair.first().and_then(|found| update.integer(found)) == Some(key));
        let Some(place) = at.and_then(|at| at.checked_mul(2)?.checked_add(1)) else { continue };
        let value = numbers.get(place)?.clone();
        let (array_id, mut array) = match update.doc.dereference(&value).ok()? {
            (id, Object::Array(array)) => (id, array.clone()),
            _ => return None,
        };
        let mark = array.len();
        array.push(Object::Reference(element));
        match array_id {
            Some(id) => update.set(id, &Object::Array(array)),
            None => {
                *numbers.get_mut(place)? = Object::Array(array);
                leaf.entries.set("Nums", Object::Array(numbers));
                put_back(update, tree, leaf);
            }
        }
        return Some(mark);
    }
    None
}

/// Adds a page that had no elements, with its first, behind all others.
fn grow(update: &mut Update<'_>, tree: &mut Dictionary, key: i64, element: ObjectId) -> Option<()> {
    let pair = [Object::Integer(key), Object::Array(vec![Object::Reference(element)])];
    let mut top = parent_tree(update, tree)?;
    let mut kids = update.array(&top.entries, b"Kids");
    if kids.is_empty() {
        let mut numbers = update.array(&top.entries, b"Nums");
        numbers.extend(pair);
        top.entries.set("Nums", Object::Array(numbers));
    } else {
        let mut leaf = Dictionary::new();
        leaf.set("Limits", Object::Array(vec![key.into(), key.into()]));
        leaf.set("Nums", Object::Array(pair.to_vec()));
        kids.push(Object::Reference(update.add(&Object::Dictionary(leaf))));
        top.entries.set("Kids", Object::Array(kids));
    }
    put_back(update, tree, top);
    Some(())
}

/// The children of a node, whichever way they are written.
fn children(update: &Update<'_>, node: &Dictionary) -> Vec<Object> {
    match node.get(b"K") {
        Err(_) => Vec::new(),
        Ok(entry) => match update.doc.dereference(entry) {
            Ok((_, Object::Array(children))) => children.clone(),
            _ => vec![entry.clone()],
        },
    }
}

/// Hangs the element behind everything else: into the one element at the top, or beside those that are there. Gives the
/// parent.
fn hang(update: &mut Update<'_>, tree_id: ObjectId, tree: &mut Dictionary, element: ObjectId) -> ObjectId {
    let mut top = children(update, tree);
    if let [only] = top.as_slice()
        && let Ok(id) = only.as_reference()
        && let Some(mut document) = update.dictionary(only)
        && document.get(b"S").and_then(Object::as_name).is_ok_and(|kind| GROUPS.contains(&kind))
    {
        let mut inner = children(update, &document);
        inner.push(Object::Reference(element));
        document.set("K", Object::Array(inner));
        update.set(id, &Object::Dictionary(document));
        return id;
    }
    top.push(Object::Reference(element));
    tree.set("K", Object::Array(top));
    tree_id
}
