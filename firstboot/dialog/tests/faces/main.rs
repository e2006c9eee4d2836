//! The faces over real pseudoterminals, with a person who reads and types.

mod lines;
mod person;
mod screen;
mod secrets;
