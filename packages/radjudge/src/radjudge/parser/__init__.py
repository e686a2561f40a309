"""From text to findings: normalisation, sections, sentences, scopes, phrases, merged findings."""
