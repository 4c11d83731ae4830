"""One cycle in three verbs: pull, reconcile, push. Free of Dagster; the laws that are not SQL live here."""
