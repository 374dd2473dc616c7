/** What a route answers with; bodies are sent as JSON. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal as GitHub words it; rendered once, never a `Failure`: it is an answer, not a fault of ours. */
export class GitHubError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly errors?: readonly unknown[],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'GitHubError';
  }
}

export const notFound = () => new GitHubError(404, 'Not Found');

/** A field that breaks a rule of the model, such as a too long description. */
export const invalidField = (resource: string, field: string, code: string, message?: string) =>
  new GitHubError(422, 'Validation Failed', [{resource, code, field, ...(message ? {message} : {})}]);

/** A body that does not have the documented shape. */
export const invalidRequest = (what: string) => new GitHubError(422, `Invalid request.\n\n${what}`);

/** One call after authentication. */
export interface Call {
  /** Values of the route's `{names}`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  /** `http://…/repos/owner/name`, for the addresses inside answers. */
  readonly repositoryUrl: string;
  /** The repository's page for people. */
  readonly pageUrl: string;
}

/** A text field of a body. */
export function textField(call: Call, name: string, required: true): string;
export function textField(call: Call, name: string, required?: false): string | undefined;
export function textField(call: Call, name: string, required = false): string | undefined {
  const value = call.body[name];
  if (value === undefined || value === null) {
    if (required) throw invalidRequest(`"${name}" wasn't supplied.`);
    return undefined;
  }
  if (typeof value !== 'string')
    throw invalidRequest(`For 'properties/${name}', ${JSON.stringify(value)} is not a string.`);
  return value;
}

export function flagField(call: Call, name: string, fallback: boolean): boolean {
  const value = call.body[name] ?? fallback;
  if (typeof value !== 'boolean')
    throw invalidRequest(`For 'properties/${name}', ${JSON.stringify(value)} is not a boolean.`);
  return value;
}

/** A list of texts; undefined when absent. */
export function textsField(call: Call, name: string): string[] | undefined {
  const value = call.body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value))
    throw invalidRequest(`For 'properties/${name}', ${JSON.stringify(value)} is not an array.`);
  return value.map((one) =>
    typeof one === 'object' && one !== null && 'name' in one ? String(one.name) : String(one),
  );
}

/** GitHub's times have whole seconds. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** One page of a list with GitHub's Link header; `per_page` over 100 counts as 100. */
export function pageAnswer(call: Call, path: string, items: readonly unknown[]): Answer {
  const perPage = Math.min(100, positive(call.query.get('per_page'), 30));
  const page = positive(call.query.get('page'), 1);
  const last = Math.max(1, Math.ceil(items.length / perPage));
  const link = (to: number, rel: string) => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(to));
    return `<${call.repositoryUrl}${path}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev')] : []),
    ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
    ...(page > 1 ? [link(1, 'first')] : []),
  ];
  const headers: Record<string, string> = links.length > 0 ? {link: links.join(', ')} : {};
  return {status: 200, body: items.slice((page - 1) * perPage, page * perPage), headers};
}

function positive(text: string | null, fallback: number): number {
  const value = Number(text);
  return text !== null && Number.isInteger(value) && value > 0 ? value : fallback;
}
