"""Guidance for people and for other systems: text for a terminal, CDS Hooks cards, FHIR resources."""
