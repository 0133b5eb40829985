"""The usual bulk load in Python: psycopg2's copy_expert reads the file."""

import sys

import psycopg2

conninfo, table, file = sys.argv[1:]
connection = psycopg2.connect(conninfo)
with connection, connection.cursor() as cursor, open(file, "rb") as source:
    cursor.copy_expert(f"copy {table} from stdin with (format csv, header)", source, size=65536)
connection.close()
