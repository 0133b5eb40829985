import { NOT_OF_A_RECORD } from './record-errors.ts';

/** Names in the statements, quoted. */
interface Names {
  readonly stage: string;
  readonly ord: string;
  readonly doubtful: string;
  readonly target: string;
  readonly columns: readonly string[];
}

const FUNCTION = 'pg_temp.copyline_store';

/**
 * A function of the session that moves the rows of the stage into the target: as many at a time as go
 * through, half as many after each failure, down to the single row that the server refuses. It runs in
 * the server, so that a row that fails costs no round trip.
 *
 * Every row that is refused was tried alone, after all rows before it: what remains is what the server
 * itself would have let in row by row. After the first failure, rows that a constraint will refuse for
 * all that can be told are put aside, and tried one by one at the end: a row that is put aside wrongly
 * is stored then.
 *
 * @param doubts queries for the rows to put aside
 */
export function storeFunction(
  { stage, ord, doubtful, target, columns }: Names,
  doubts: readonly string[],
): { readonly create: string; readonly call: string; readonly drop: string } {
  const values = columns.map((column) => `s.${column}`).join(', ');
  // COPY fills GENERATED ALWAYS AS IDENTITY, too.
  const insert = `INSERT INTO ${target} (${columns.join(', ')}) OVERRIDING SYSTEM VALUE
        SELECT ${values} FROM ${stage} s`;
  const body = `
#variable_conflict use_column
DECLARE
  copyline_first bigint;
  copyline_last bigint;
  copyline_end bigint;
  copyline_size bigint;
  copyline_rows bigint;
  copyline_stored bigint := 0;
  copyline_has_looked boolean := ${doubts.length === 0 ? 'true' : 'false'};
BEGIN
  IF copyline_eager AND NOT copyline_has_looked THEN
    copyline_has_looked := true;
    ${putAside(stage, ord, doubtful, doubts)}
  END IF;
  SELECT min(s.${ord}), max(s.${ord}) INTO copyline_first, copyline_last FROM ${stage} s;
  copyline_size := copyline_last - copyline_first + 1;
  WHILE copyline_first <= copyline_last LOOP
    copyline_end := least(copyline_first + copyline_size - 1, copyline_last);
    BEGIN
      ${insert} WHERE s.${ord} BETWEEN copyline_first AND copyline_end AND NOT s.${doubtful}
         ORDER BY s.${ord};
      GET DIAGNOSTICS copyline_rows = ROW_COUNT;
      copyline_stored := copyline_stored + copyline_rows;
      copyline_first := copyline_end + 1;
      copyline_size := copyline_size * 2;
    EXCEPTION WHEN OTHERS THEN
      IF SQLSTATE ~ '${NOT_OF_A_RECORD}' THEN RAISE; END IF;
      IF copyline_first = copyline_end THEN
        copyline_ord := copyline_first;
        ${RETURN_REFUSAL}
        copyline_first := copyline_first + 1;
      ELSIF copyline_has_looked THEN
        copyline_size := (copyline_end - copyline_first + 1) / 2;
      ELSE
        copyline_has_looked := true;
        ${putAside(stage, ord, doubtful, doubts)}
      END IF;
    END;
  END LOOP;
  FOR copyline_first IN SELECT s.${ord} FROM ${stage} s WHERE s.${doubtful} ORDER BY s.${ord} LOOP
    BEGIN
      ${insert} WHERE s.${ord} = copyline_first;
      GET DIAGNOSTICS copyline_rows = ROW_COUNT;
      copyline_stored := copyline_stored + copyline_rows;
    EXCEPTION WHEN OTHERS THEN
      IF SQLSTATE ~ '${NOT_OF_A_RECORD}' THEN RAISE; END IF;
      copyline_ord := copyline_first;
      ${RETURN_REFUSAL}
    END;
  END LOOP;
  copyline_ord := NULL;
  copyline_count := copyline_stored;
  RETURN NEXT;
END`;
  const tag = tagFor(body);
  return {
    create: `CREATE OR REPLACE FUNCTION ${FUNCTION}(copyline_eager boolean)
      RETURNS TABLE (copyline_ord bigint, copyline_state text, copyline_message text,
                     copyline_column text, copyline_count bigint)
      LANGUAGE plpgsql AS ${tag}${body}${tag}`,
    call: `SELECT r.nth, f.copyline_state AS state, f.copyline_message AS message,
                  f.copyline_column AS "column", f.copyline_count AS stored
             FROM ${FUNCTION}($1) f
             LEFT JOIN (SELECT ${ord}, row_number() OVER (ORDER BY ${ord}) AS nth FROM ${stage}) r
                    ON r.${ord} = f.copyline_ord`,
    drop: `DROP FUNCTION ${FUNCTION}(boolean)`,
  };
}

const RETURN_REFUSAL = `GET STACKED DIAGNOSTICS copyline_state = RETURNED_SQLSTATE,
          copyline_message = MESSAGE_TEXT, copyline_column = COLUMN_NAME;
        RETURN NEXT;`;

/** Whatever a guess runs into, the rows are tried all the same. */
function putAside(stage: string, ord: string, doubtful: string, doubts: readonly string[]): string {
  if (doubts.length === 0) return 'NULL;';
  return `BEGIN
      UPDATE ${stage} SET ${doubtful} = true WHERE ${ord} IN (${doubts.join('\nUNION ALL\n')});
    EXCEPTION WHEN OTHERS THEN NULL;
    END;`;
}

/** A dollar quote that the text does not hold. */
function tagFor(text: string): string {
  let tag = '$copyline$';
  for (let i = 0; text.includes(tag); i += 1) tag = `$copyline${String(i)}$`;
  return tag;
}
