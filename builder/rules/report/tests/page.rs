//! Foreign parsers read the page as it is meant.
//!
//! Python's expat takes it as XML, so every tag is closed and every name is escaped; Python's HTML
//! parser and its JSON parser see the elements and the data that were written.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::io::Write;
use std::process::{Command, Stdio};

use anklume_report::{Cache, File, Image, MAX_PAGE_BYTES, Package, Partition, Report, Step, html};

/// What can stand in a name to get out of wherever it is written.
const HOSTILE: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' style='position:fixed",
    "a\nb\r\t\u{0}\u{1b}[31m",
    "\u{202e}gpj.exe\u{2028}\u{feff}",
    "]]> <!-- --> <![CDATA[ &amp; &#60;",
    "<style>*{display:none}</style>",
    "${alert(1)}`\\u003cscript>",
];

fn hostile() -> Report {
    let text = |n: usize| HOSTILE[n % HOSTILE.len()].to_owned();
    let mut report = Report {
        image: Image {
            name: text(0),
            version: text(1),
            format: text(2),
            bytes: 1,
            root_hash: text(3),
            kernel: text(4),
            epoch_seconds: u64::MAX,
        },
        ..Report::default()
    };
    for n in 0..HOSTILE.len() {
        let (name, detail) = (text(n), text(n + 1));
        let start_milliseconds = u64::MAX >> n;
        report.partitions.push(Partition { label: text(n), bytes: u64::MAX });
        report.caches.push(Cache {
            name: text(n),
            hits: u64::MAX,
            misses: 1,
            bytes: u64::MAX,
            milliseconds: Some(u64::MAX),
        });
        report.packages.push(Package { name: text(n), version: text(n + 1), section: text(n + 2) });
        let (end_milliseconds, parallel) = (7, n > 3);
        report.steps.push(Step { name, start_milliseconds, end_milliseconds, detail, parallel });
        for m in 0..3 {
            let mut path = format!("{}/{}/{m}", text(n), text(n + m)).into_bytes();
            path.extend([0xff, 0xc3, b'/', b'<']);
            let package = (m > 0).then(|| text(n));
            report.files.push(File { path, bytes: 1 << n, compressed_bytes: 1 << n, package });
        }
    }
    report
}

/// A report of the size of a real one.
fn large(files: u64) -> Report {
    let mut report = Report::default();
    for n in 0..files {
        let (a, b) = (n % 17, n % 301);
        let path =
            format!("usr/share/section-{a}/package-{b}/a-file-with-a-rather-long-name-{n}.so");
        report.files.push(File {
            path: path.into_bytes(),
            bytes: n * n % 999_983,
            compressed_bytes: n * n % 999_983 / 3,
            package: (b > 5).then(|| format!("package-{b}")),
        });
    }
    for n in 0..301 {
        report.packages.push(Package {
            name: format!("package-{n}"),
            version: "1.0".to_owned(),
            section: format!("section-{}", n % 20),
        });
    }
    report
}

/// Runs a Python program with the page on its standard input; what it writes.
fn python(program: &str, page: &str) -> String {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("python3 (package python3): {error}"));
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "python3: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Well-formed, with unique identifiers, references that lead somewhere, and rows as long as their
/// table's head, spans apart.
const XML: &str = r#"
import sys, xml.etree.ElementTree as tree
text = sys.stdin.buffer.read().decode("utf-8")
root = tree.fromstring(text)
H = "{http://www.w3.org/1999/xhtml}"
ids = [e.get("id") for e in root.iter() if e.get("id")]
assert len(ids) == len(set(ids)), ids
for e in root.iter():
    for name in ("aria-labelledby",):
        assert e.get(name) is None or e.get(name) in ids, e.get(name)
for table in root.iter(H + "table"):
    columns = len(table.find(f"{H}thead/{H}tr"))
    for row in table.iter(H + "tr"):
        width = sum(int(cell.get("colspan", "1")) for cell in row)
        assert width == columns, (table.get("id"), width, columns)
print("well-formed")
"#;

/// The elements and attributes that HTML's rules find, with how often they occur.
const HTML: &str = r#"
import sys, json, collections
from html.parser import HTMLParser
class Page(HTMLParser):
    seen, inside, data = collections.Counter(), None, ""
    def handle_starttag(self, tag, attributes):
        self.inside = (tag, dict(attributes).get("id"))
        self.seen[tag] += 1
        for name, value in attributes:
            self.seen[tag + " " + name] += 1
            if name in ("src", "href", "action", "srcset", "data", "poster") or name.startswith("on"):
                sys.exit(f"{tag} {name}={value}")
    def handle_endtag(self, tag): self.inside = None
    def handle_comment(self, text): sys.exit("comment " + text)
    def handle_data(self, text):
        if self.inside == ("script", "data"): self.data += text
page = Page(convert_charrefs=True)
page.feed(sys.stdin.buffer.read().decode("utf-8"))
data = json.loads(page.data)
for rows in data.values():
    path = []
    for level, name, compressed, content, files, kind in rows:
        del path[level:]
        assert level == len(path), "no parent"
        path.append([compressed, 0, name])
        if level: path[level - 1][1] += compressed
print(json.dumps(dict(page.seen)))
"#;

/// The boxes of both maps, as a browser places them: siblings fill their parent and do not overlap,
/// and areas are in proportion to the shares in the titles.
const MAPS: &str = r#"
import sys, re, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read().decode("utf-8"))
H, boxes = "{http://www.w3.org/1999/xhtml}", 0
def place(box):
    return [float(value) for value in re.findall(r":([0-9.]+)%", box.get("style"))]
def check(parent, whole):
    global boxes
    children = [child for child in parent if (child.get("class") or "").split()[:1] == ["b"]]
    places = [place(child) for child in children]
    boxes += len(children)
    for n, (left, top, width, height) in enumerate(places):
        assert left + width < 100.01 and top + height < 100.01, places[n]
        for l, t, w, h in places[:n]:
            assert left + width < l + .01 or l + w < left + .01 \
                or top + height < t + .01 or t + h < top + .01, "overlap"
    area = sum(width * height for _, _, width, height in places)
    assert not children or abs(area - 10000) < 20, area
    for child, (_, _, width, height) in zip(children, places):
        share = float(re.search(r"\(([0-9.]+) %\)", child.get("title"))[1])
        assert abs(width * height / 10000 - share / whole) < .2 / whole + .02, child.get("title")
        for body in child.findall(H + "div"):
            check(body, max(share, .1))
maps = [e for e in root.iter(H + "div") if e.get("class") == "map"]
assert len(maps) == 2, maps
for each in maps: check(each, 100)
print(boxes)
"#;

fn elements(page: &str, name: &str) -> u64 {
    let counts: serde_json::Value = serde_json::from_str(&python(HTML, page)).unwrap();
    counts.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0)
}

#[test]
fn every_page_is_well_formed() {
    let one = Report {
        files: vec![File { path: b"etc/passwd".to_vec(), bytes: 5, ..File::default() }],
        ..Report::default()
    };
    for report in [Report::default(), one, hostile(), large(2000)] {
        assert_eq!(python(XML, &html(&report)).trim(), "well-formed");
    }
}

#[test]
fn hostile_names_bring_no_elements() {
    let page = html(&hostile());
    assert_eq!(elements(&page, "script"), 2);
    assert_eq!(elements(&page, "style"), 1);
    assert_eq!(elements(&page, "img"), 0);
    for character in ['\0', '\u{1b}', '\r', '\t', '\u{202e}', '\u{2028}', '\u{feff}'] {
        assert!(!page.contains(character), "{character:?}");
    }
}

#[test]
fn nothing_is_fetched_and_no_other_script_may_run() {
    let page = html(&large(100));
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = python(
        "import sys, hashlib, base64\n\
         print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())",
        script,
    );
    let policy = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\" />",
        hash.trim()
    );
    assert!(page.contains(&policy), "{policy}");
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert_eq!(page.matches("http://").count(), 1, "the XML name space only");
    assert!(!page.contains("https://"));
}

#[test]
fn a_large_report_stays_small() {
    let page = html(&large(18_000));
    assert!(page.len() < MAX_PAGE_BYTES, "{} bytes", page.len());
    assert!(elements(&page, "div style") > 100);
}

/// Names that take as much room as names of that many characters can.
fn greedy(entries: u64, characters: usize) -> Report {
    let mut report = Report::default();
    for n in 0..entries {
        let name = |group: u64| format!("{n}.{group}{}", "&".repeat(characters));
        report.partitions.push(Partition { label: name(0), bytes: u64::MAX });
        report.caches.push(Cache {
            name: name(0),
            hits: u64::MAX,
            misses: n,
            bytes: u64::MAX,
            milliseconds: Some(n),
        });
        report.steps.push(Step { name: name(0), detail: name(1), ..Step::default() });
        let (version, section) = (name(1), format!("{}{}", n % 7, name(2)));
        report.packages.push(Package { name: name(0), version, section });
        for m in 0..4 {
            let path = format!("{}/{}/{}", name(0), name(m / 2), name(m));
            let (bytes, compressed_bytes) = (u64::MAX >> 20, u64::MAX >> 22);
            let (path, package) = (path.into_bytes(), Some(name(0)));
            report.files.push(File { path, bytes, compressed_bytes, package });
        }
    }
    report
}

#[test]
fn no_report_makes_a_page_too_large() {
    let mut longest = 0;
    for (entries, characters) in [(1000, 1), (3000, 0), (3000, 20), (1500, 100), (300, 2000)] {
        let page = html(&greedy(entries, characters));
        assert!(page.len() < MAX_PAGE_BYTES, "{entries} of {characters}: {} bytes", page.len());
        longest = longest.max(page.len());
        assert_eq!(python(XML, &page).trim(), "well-formed");
        for cut in [" later steps", " more caches"] {
            assert!(page.contains(cut), "{cut}");
        }
    }
    assert!(longest > MAX_PAGE_BYTES / 2, "no limit was reached: {longest} bytes");
}

#[test]
fn boxes_tile_their_maps() {
    let boxes: u64 = python(MAPS, &html(&large(5000))).trim().parse().unwrap();
    assert!(boxes > 100, "{boxes} boxes");
}

#[test]
fn the_tables_say_what_the_files_take() {
    let file = |path: &str, bytes, compressed_bytes, package: Option<&str>| File {
        path: path.into(),
        bytes,
        compressed_bytes,
        package: package.map(Into::into),
    };
    let report = Report {
        files: vec![
            file("/.c", 1024, 0, None),
            file("./usr/lib/b", 2048, 1024, None),
            file("usr/bin/a", 4096, 3072, Some("p")),
        ],
        ..Report::default()
    };
    let page = html(&report);
    let row = |head: &str, cells: &[&str]| {
        let cells: String =
            cells.iter().map(|cell| format!("<td class=\"n\">{cell}</td>")).collect();
        let row = format!("<tr><th scope=\"row\">{head}</th>{cells}");
        page.find(&row).unwrap_or_else(|| panic!("{row}"))
    };
    let rows = [
        row("p", &["3.0 KiB", "75.0 %", "4.0 KiB", "1"]),
        row("(no package)", &["1.0 KiB", "25.0 %", "3.0 KiB", "2"]),
        row("All packages", &["4.0 KiB", "100.0 %", "7.0 KiB", "3"]),
        row("/<wbr />usr", &["4.0 KiB", "100.0 %", "6.0 KiB", "2"]),
        row("/<wbr />usr/<wbr />bin/<wbr />a", &["3.0 KiB", "75.0 %", "4.0 KiB"]),
        row("/<wbr />usr/<wbr />lib/<wbr />b", &["1.0 KiB", "25.0 %", "2.0 KiB"]),
        row("/<wbr />.c", &["0 B", "0.0 %", "1.0 KiB"]),
    ];
    assert!(rows.is_sorted(), "the largest come first: {rows:?}");
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let mut report = large(3000);
    let page = html(&report);
    assert_eq!(page, html(&report.clone()));
    report.files.reverse();
    report.packages.reverse();
    assert_eq!(page, html(&report), "the order of files and packages shows");
}
