//! The page's data: what the script draws when it zooms.

use crate::sizes::{Kind, Shown};

/// Both trees as a data block (HTML, "The script element"): an object with `packages` and
/// `directories`, each a list of nodes in preorder, each node
/// `[level, name, bytes in the image, bytes of content, files, kind]`, where kind is 0 for a file,
/// 1 for a group and 2 for several small nodes together.
pub(super) fn script(packages: &Shown, directories: &Shown) -> String {
    let mut json = "{\"packages\":[".to_owned();
    nodes(&mut json, packages, 0);
    json += "],\n\"directories\":[";
    nodes(&mut json, directories, 0);
    json += "]}";
    format!("<script type=\"application/json\" id=\"data\">{json}</script>\n")
}

fn nodes(json: &mut String, node: &Shown, level: u32) {
    let kind = match node.kind {
        Kind::Leaf => 0,
        Kind::Group => 1,
        Kind::Rest => 2,
    };
    let size = node.size;
    if level > 0 {
        json.push_str(",\n");
    }
    let (name, compressed, content) = (string(&node.name), size.compressed, size.content);
    *json += &format!("[{level},{name},{compressed},{content},{},{kind}]", size.files);
    for child in &node.children {
        nodes(json, child, level.saturating_add(1));
    }
}

/// A JSON string (RFC 8259 section 7) without the characters that HTML or XML interpret, so that
/// no name can end the script element or begin a comment in it.
fn string(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Size;

    #[test]
    fn names_cannot_end_the_element() {
        let hostile = "</script><!--&\"\\\u{2028}";
        let text = string(hostile);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    #[test]
    fn nodes_come_in_preorder() {
        let leaf = |name: &str| Shown {
            kind: Kind::Leaf,
            name: name.into(),
            size: Size { compressed: 1, content: 2, files: 1 },
            children: Vec::new(),
        };
        let root = Shown {
            kind: Kind::Group,
            name: "/".into(),
            size: Size { compressed: 2, content: 4, files: 2 },
            children: vec![leaf("a"), leaf("b")],
        };
        let html = script(&root, &leaf("c"));
        let json = html.split_once('>').unwrap().1.rsplit_once("</script>").unwrap().0;
        let expected = serde_json::json!({
            "packages": [[0, "/", 2, 4, 2, 1], [1, "a", 1, 2, 1, 0], [1, "b", 1, 2, 1, 0]],
            "directories": [[0, "c", 1, 2, 1, 0]],
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap(), expected);
    }
}
