//! In which order modules are loaded.

use std::collections::BTreeSet;

use crate::{Error, Index, Module, ModuleName};

/// A step of the walk.
enum Visit<'a> {
    Enter(&'a ModuleName),
    /// Everything it needs has been put out.
    Leave(&'a ModuleName),
}

impl Index {
    /// What has to be loaded for module `name`, in modprobe's order: its dependencies, its soft
    /// `pre` dependencies, itself, its soft `post` dependencies, each with their own and each once.
    /// What is built in is left out, and so are soft dependencies that do not exist. A cycle of
    /// soft dependencies is cut where it closes.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is no module (also when it is built in: ask
    /// [`Index::is_builtin`] first), [`Error::Dangling`] when a dependency is missing.
    pub fn load_order(&self, name: &ModuleName) -> Result<Vec<(&ModuleName, &Module)>, Error> {
        self.load_order_of([name])
    }

    /// As [`Index::load_order`], for several modules at once: each module appears once.
    ///
    /// # Errors
    /// As [`Index::load_order`].
    pub fn load_order_of<'n>(
        &self,
        names: impl IntoIterator<Item = &'n ModuleName>,
    ) -> Result<Vec<(&ModuleName, &Module)>, Error> {
        let mut order = Vec::new();
        let mut entered = BTreeSet::new();
        for name in names {
            let Some((name, _)) = self.modules.get_key_value(name) else {
                return Err(Error::Unknown(name.clone()));
            };
            // A stack of our own: the depth of an index from outside must not be ours.
            let mut stack = vec![Visit::Enter(name)];
            while let Some(visit) = stack.pop() {
                match visit {
                    Visit::Leave(name) => order.extend(self.modules.get_key_value(name)),
                    Visit::Enter(name) if entered.insert(name) => self.expand(name, &mut stack)?,
                    Visit::Enter(_) => {}
                }
            }
        }
        Ok(order)
    }

    /// Pushes what `name` stands for; the stack gives it back in the reverse order.
    fn expand<'a>(&'a self, name: &'a ModuleName, stack: &mut Vec<Visit<'a>>) -> Result<(), Error> {
        let Some(module) = self.modules.get(name) else { return Ok(()) };
        let soft = self.soft.get(name);
        let push = |stack: &mut Vec<Visit<'a>>, list: &'a [String]| {
            let names: Vec<_> = list.iter().flat_map(|text| self.resolve(text)).collect();
            stack.extend(names.into_iter().rev().map(Visit::Enter));
        };
        push(stack, soft.map_or(&[], |soft| &soft.post));
        stack.push(Visit::Leave(name));
        push(stack, soft.map_or(&[], |soft| &soft.pre));
        for needs in &module.depends {
            if self.modules.contains_key(needs) {
                stack.push(Visit::Enter(needs));
            } else if !self.is_builtin(needs) {
                return Err(Error::Dangling { module: name.clone(), needs: needs.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Texts;

    fn order(dep: &str, softdep: &str, alias: &str, name: &str) -> Result<Vec<String>, Error> {
        let index =
            Index::parse(&Texts { dep, softdep, alias, builtin: "kernel/builtin.ko\n" }).unwrap();
        let name = ModuleName::new(name);
        Ok(index.load_order(&name)?.iter().map(|(name, _)| name.to_string()).collect())
    }

    #[test]
    fn dependencies_come_first_last_listed_first() {
        let dep =
            "dm-verity.ko: dm-bufio.ko dm-mod.ko builtin.ko\ndm-bufio.ko: dm-mod.ko\ndm-mod.ko:\n";
        assert_eq!(order(dep, "", "", "dm-verity").unwrap(), ["dm_mod", "dm_bufio", "dm_verity"]);
    }

    #[test]
    fn soft_dependencies_stand_around_and_may_be_aliases_or_absent() {
        let dep = "ext4.ko: jbd2.ko\njbd2.ko:\ncrc32c_intel.ko:\nlate.ko:\n";
        let softdep = "softdep ext4 pre: crc32c nowhere post: late\n";
        let alias = "alias crc32c crc32c_intel\n";
        assert_eq!(
            order(dep, softdep, alias, "ext4").unwrap(),
            ["jbd2", "crc32c_intel", "ext4", "late"]
        );
    }

    #[test]
    fn cycles_end() {
        let dep = "a.ko: b.ko\nb.ko: a.ko\n";
        assert_eq!(order(dep, "softdep a pre: b post: a\n", "", "a").unwrap(), ["b", "a"]);
        let chain: String = (0..20_000).map(|n| format!("m{n}.ko: m{}.ko\n", n + 1)).collect();
        assert_eq!(order(&format!("{chain}m20000.ko:\n"), "", "", "m0").unwrap().len(), 20_001);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = order("a.ko: b.ko\n", "", "", "a").unwrap_err();
        assert_eq!(
            error,
            Error::Dangling { module: ModuleName::new("a"), needs: ModuleName::new("b") }
        );
        assert_eq!(order("", "", "", "a").unwrap_err(), Error::Unknown(ModuleName::new("a")));
    }
}
