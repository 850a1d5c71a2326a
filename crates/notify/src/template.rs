//! Templates: an admin's own words around what an alert tells.
//!
//! They can loop and choose but not read a file, call anything or run for long. Whatever goes wrong
//! with one, the alert still goes, with the built-in text. A name that does not exist is a mistake
//! that is found when the configuration is read and not in the night.

use minijinja::{Environment, Error, UndefinedBehavior, Value};

use crate::text::Sink;

/// Steps that one text may take.
const TEMPLATE_FUEL: u64 = 50_000;
/// Depth of calls in a template.
const TEMPLATE_DEPTH_MAX: usize = 32;
/// Bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 32 << 10;
/// Bytes of a text that comes out of one.
const RENDERED_BYTES_MAX: usize = 256 << 10;

/// What every environment knows besides the names of an alert.
const FUNCTIONS: [&str; 3] = ["range", "dict", "namespace"];
/// The name under which the only template of an environment is kept.
const NAME: &str = "text";

/// A template that compiles and names nothing unknown.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    /// Its text, if nothing is filled in.
    literal: Option<Box<str>>,
}

impl Template {
    /// Compiles `source`; values are escaped for `sink`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn new(source: &str, sink: Sink) -> Result<Self, String> {
        Self::with_names(source, sink, &[])
    }

    /// The same with `more` names that the caller will give, each a text.
    pub(crate) fn with_names(source: &str, sink: Sink, more: &[&str]) -> Result<Self, String> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("has more than {TEMPLATE_BYTES_MAX} bytes"));
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(TEMPLATE_FUEL));
        environment.set_recursion_limit(TEMPLATE_DEPTH_MAX);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(move |out, _, value| {
            // Under strict rules nothing that is undefined may be shown.
            if value.is_undefined() {
                return Err(Error::from(minijinja::ErrorKind::UndefinedError));
            }
            if value.is_none() {
                return Ok(());
            }
            out.write_str(&sink.escape(&value.to_string())).map_err(Error::from)
        });
        environment.add_template_owned(NAME, source.to_owned()).map_err(|it| told(&it))?;
        let literal = (!source.contains('{')).then(|| Box::from(source));
        let template = Self { environment, literal };
        template.vet(more)?;
        Ok(template)
    }

    fn vet(&self, more: &[&str]) -> Result<(), String> {
        let template = self.environment.get_template(NAME).map_err(|it| told(&it))?;
        let sample = crate::letter::sample_view();
        let mut used: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        used.sort_unstable();
        for name in used {
            let known = FUNCTIONS.contains(&&*name)
                || more.contains(&&*name)
                || sample.iter().any(|(it, _)| *it == name);
            if !known {
                return Err(format!("names `{name}`, which does not exist"));
            }
        }
        let more: Vec<(&str, &str)> = more.iter().map(|it| (*it, "sample")).collect();
        self.render(&sample, &more).map(drop)
    }

    /// Its text, if nothing is filled in.
    pub(crate) fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    /// The text for `view`.
    ///
    /// # Errors
    /// What went wrong, in words; never a value of `view`.
    pub(crate) fn render(
        &self,
        view: &[(&'static str, Value)],
        more: &[(&str, &str)],
    ) -> Result<String, String> {
        let names = view.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let more = more.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
        let context = Value::from_pairs(names.chain(more));
        let template = self.environment.get_template(NAME).map_err(|it| told(&it))?;
        let text = template.render(context).map_err(|it| told(&it))?;
        if text.len() > RENDERED_BYTES_MAX {
            return Err(format!("becomes a text of more than {RENDERED_BYTES_MAX} bytes"));
        }
        Ok(text)
    }
}

fn told(error: &Error) -> String {
    let place = error.line().map(|it| format!(" in its line {it}")).unwrap_or_default();
    let detail = error.detail().map(|it| format!(" ({it})")).unwrap_or_default();
    format!("is not a good template: {}{detail}{place}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_found_before_anything_happens() {
        for (source, what) in [
            ("{{ titel }}", "names `titel`"),
            ("{% if x %}", "names `x`"),
            ("{{ title", "template"),
            ("{{ contact.phone }}", "undefined"),
            ("{{ title|shout }}", "filter"),
            ("{% include 'other' %}", "template"),
            (
                "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
                "fuel",
            ),
        ] {
            let fault = Template::new(source, Sink::Plain).unwrap_err();
            let told = fault.to_lowercase();
            let found =
                told.contains(what) || source.starts_with("{% if") && told.contains("template");
            assert!(found, "{source}: {fault}");
        }
        let huge = "x".repeat(TEMPLATE_BYTES_MAX + 1);
        assert!(Template::new(&huge, Sink::Plain).is_err());
    }

    #[test]
    fn a_label_that_a_problem_lacks_is_empty_and_not_a_mistake() {
        let template = Template::new("[{{ labels.no_such_label }}]", Sink::Plain).unwrap();
        assert_eq!(template.render(&crate::letter::sample_view(), &[]).unwrap(), "[]");
    }

    #[test]
    fn values_are_escaped_and_words_of_the_admin_are_not() {
        let template = Template::with_names("<b>{{ it|upper }}</b>", Sink::Html, &["it"]).unwrap();
        let text = template.render(&crate::letter::sample_view(), &[("it", "<i>")]).unwrap();
        assert_eq!(text, "<b>&lt;I&gt;</b>");
    }
}
