import type {Session} from './session.js';

/** Quotes names and values by the server's own rules. */
export async function statement(session: Session, template: string, values: readonly string[]): Promise<string> {
  const places = values.map((_, index) => `$${index + 2}::text`).join(', ');
  const [row] = await session.query<{sql: string}>(`SELECT format($1::text, ${places}) AS sql`, [template, ...values]);
  return row!.sql;
}
