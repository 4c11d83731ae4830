"""Twenty CRM as a system of contacts: its people, spoken to over the REST API.

Written to measurements of Twenty 2.21; "facts, section N" in these files is the section of that record.

=============  ======================================================================
``client``     HTTP: the key, errors by what to do about them, retries
``budget``     the request budget, as the server counts it
``answers``    the shapes of answers and errors; nothing personal leaves in a message
``filters``    the filter language of the REST API
``mapping``    canonical paths ↔ the fields of a person
``phones``     E.164 ↔ number, calling code and country
``schema``     the custom fields: which there are, and making the missing ones
``companies``  organization names ↔ companies
``people``     reading people as native rows
``items``      writes on their way, and cutting a refused batch down to the row at fault
``refusals``   the contact field that a refusal is about
``sending``    what all kinds of writes share
``writing``    writing them, with an outcome for each
``system``     all of it behind the protocol
=============  ======================================================================
"""

from truth_forge_sync.systems.twenty.system import Twenty

__all__ = ["Twenty"]
