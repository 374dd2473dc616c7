/**
 * The platform's filter language for logs: words, "phrases", AND, OR, -not, parentheses, `@attribute:value` with
 * comparisons and ranges. Pure.
 */

interface FilteredRow {
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

type Test = (row: FilteredRow) => boolean;

/** The test that a filter stands for; an empty one lets everything pass. */
export function rowFilter(filter: string | null | undefined): Test {
  const tokens = [...(filter ?? '').matchAll(/\(|\)|-(?=[("@\w])|@[\w.]+:"[^"]*"|"[^"]*"|[^\s()]+/g)].map(
    (match) => match[0],
  );
  return tokens.length === 0 ? () => true : either(tokens);
}

function either(tokens: string[]): Test {
  const parts = [all(tokens)];
  while (tokens[0] === 'OR') {
    tokens.shift();
    parts.push(all(tokens));
  }
  return (row) => parts.some((part) => part(row));
}

function all(tokens: string[]): Test {
  const parts: Test[] = [];
  while (tokens.length > 0 && tokens[0] !== 'OR' && tokens[0] !== ')') {
    if (tokens[0] === 'AND') tokens.shift();
    else parts.push(one(tokens));
  }
  return (row) => parts.every((part) => part(row));
}

function one(tokens: string[]): Test {
  const token = tokens.shift()!;
  if (token === '-') {
    const negated = one(tokens);
    return (row) => !negated(row);
  }
  if (token === '(') {
    const inner = either(tokens);
    tokens.shift();
    return inner;
  }
  return token.startsWith('@') ? attributeTest(token) : textTest(token);
}

function textTest(token: string): Test {
  const wanted = unquoted(token).toLowerCase();
  return (row) => row.text.toLowerCase().includes(wanted);
}

function attributeTest(token: string): Test {
  const [name = '', ...rest] = token.slice(1).split(':');
  const wanted = unquoted(rest.join(':'));
  return (row) => {
    const value = row.attributes[name];
    return value !== undefined && compares(unquoted(value), wanted);
  };
}

function compares(value: string, wanted: string): boolean {
  const range = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(wanted);
  if (range) return Number(value) >= Number(range[1]) && Number(value) <= Number(range[2]);
  const comparison = /^(>=|<=|>|<)(-?[\d.]+)$/.exec(wanted);
  if (!comparison) return value.toLowerCase() === wanted.toLowerCase();
  const [, sign, limit] = comparison;
  const difference = Number(value) - Number(limit);
  return sign === '>='
    ? difference >= 0
    : sign === '<='
      ? difference <= 0
      : sign === '>'
        ? difference > 0
        : difference < 0;
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/s, '$1');
}
