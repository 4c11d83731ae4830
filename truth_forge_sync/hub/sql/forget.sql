-- Tables that a finished cycle or push leaves behind.
{% for table in tables %}
DROP TABLE IF EXISTS {{ dataset }}.{{ table }};
{% endfor %}
