//! What the objects say about themselves.

use std::fmt::Write;

use super::call::Object;
use crate::engine::Facts;
use crate::names;

const STANDARD: &str = r#" <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect">
   <arg name="xml_data" type="s" direction="out"/>
  </method>
 </interface>
 <interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
 </interface>
 <interface name="org.freedesktop.DBus.Properties">
  <method name="Get">
   <arg name="interface_name" type="s" direction="in"/>
   <arg name="property_name" type="s" direction="in"/>
   <arg name="value" type="v" direction="out"/>
  </method>
  <method name="GetAll">
   <arg name="interface_name" type="s" direction="in"/>
   <arg name="properties" type="a{sv}" direction="out"/>
  </method>
  <method name="Set">
   <arg name="interface_name" type="s" direction="in"/>
   <arg name="property_name" type="s" direction="in"/>
   <arg name="value" type="v" direction="in"/>
  </method>
  <signal name="PropertiesChanged">
   <arg name="interface_name" type="s"/>
   <arg name="changed_properties" type="a{sv}"/>
   <arg name="invalidated_properties" type="as"/>
  </signal>
 </interface>
"#;

/// The XML of an object.
pub(super) fn xml(object: &Object, facts: &Facts) -> String {
    let mut xml = String::from(
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
    );
    if let Some(interface) = object.interface() {
        xml.push_str(documented(interface));
    }
    xml.push_str(STANDARD);
    for child in object.children(facts) {
        // A String takes everything.
        let _ = writeln!(xml, " <node name=\"{child}\"/>");
    }
    xml.push_str("</node>\n");
    xml
}

/// The documentation of an interface, as it is installed.
fn documented(interface: &str) -> &'static str {
    let all = names::INTERFACES;
    let start = all.find(&format!(" <interface name=\"{interface}\">"));
    let rest = start.and_then(|start| all.get(start..)).unwrap_or_default();
    let end = rest.find("</interface>\n").map(|end| end + "</interface>\n".len());
    end.and_then(|end| rest.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_each_interface_whole() {
        for interface in [names::MANAGER, names::SLOT, names::JOB] {
            let text = documented(interface);
            assert!(text.starts_with(" <interface name="), "{interface}: {text}");
            assert!(text.ends_with(" </interface>\n"), "{interface}: {text}");
            assert_eq!(text.matches("<interface").count(), 1);
        }
        assert_eq!(documented("org.example"), "");
    }
}
