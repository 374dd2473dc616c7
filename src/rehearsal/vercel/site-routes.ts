/** What the edge sends for one request. */
export interface SiteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A route of the Build Output API, version 3, as far as static sites use them. */
export interface Route {
  readonly src?: string;
  readonly dest?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly methods?: readonly string[];
  readonly continue?: boolean;
  readonly check?: boolean;
  readonly handle?: string;
}

interface Walk {
  path: string;
  status: number | undefined;
  headers: Record<string, string>;
}

type Files = (path: string) => SiteAnswer | undefined;

/** Walks the routes in their phases, as the platform does: first the open ones, then files, then what follows them. */
export function routed(routes: readonly Route[], path: string, method: string, file: Files): SiteAnswer | undefined {
  const walk: Walk = {path, status: undefined, headers: {}};
  const phases = split(routes);
  return (
    through(phases.get('') ?? [], walk, method, file) ??
    served(file, walk) ??
    through([...(phases.get('filesystem') ?? []), ...(phases.get('miss') ?? [])], walk, method, file) ??
    through(phases.get('error') ?? [], walk, method, file)
  );
}

function split(routes: readonly Route[]): Map<string, Route[]> {
  const phases = new Map<string, Route[]>();
  let phase = '';
  for (const route of routes) {
    if (route.handle !== undefined) phase = route.handle;
    else phases.set(phase, [...(phases.get(phase) ?? []), route]);
  }
  return phases;
}

function through(routes: readonly Route[], walk: Walk, method: string, file: Files): SiteAnswer | undefined {
  for (const route of routes) {
    const match = route.src === undefined ? null : new RegExp(anchored(route.src)).exec(walk.path);
    if (!match || (route.methods && !route.methods.includes(method))) continue;
    const end = step(route, match, walk, file);
    if (end) return end;
  }
  return undefined;
}

// The platform anchors patterns that are not anchored already.
const anchored = (src: string): string => `${src.startsWith('^') ? '' : '^'}${src}${src.endsWith('$') ? '' : '$'}`;

function step(route: Route, match: RegExpExecArray, walk: Walk, file: Files): SiteAnswer | undefined {
  for (const [name, value] of Object.entries(route.headers ?? {}))
    walk.headers[name.toLowerCase()] = expand(value, match);
  if (route.dest !== undefined)
    walk.path = expand(route.dest, match)
      .replace(/\?.*$/, '')
      .replace(/^(?!\/)/, '/');
  if (route.status !== undefined) walk.status = route.status;
  if (walk.status !== undefined && walk.headers.location !== undefined) return bare(walk);
  if (route.continue) return undefined;
  if (route.dest !== undefined) return served(file, walk);
  return route.status === undefined ? undefined : bare(walk);
}

function expand(template: string, match: RegExpExecArray): string {
  return template.replace(
    /\$(\d+|[a-zA-Z]\w*)/g,
    (_all, key: string) => (/^\d/.test(key) ? match[Number(key)] : match.groups?.[key]) ?? '',
  );
}

function served(file: Files, walk: Walk): SiteAnswer | undefined {
  const found = file(walk.path);
  return found && {status: walk.status ?? found.status, headers: {...found.headers, ...walk.headers}, body: found.body};
}

function bare(walk: Walk): SiteAnswer {
  return {
    status: walk.status!,
    headers: {'content-type': 'text/plain; charset=utf-8', ...walk.headers},
    body: Buffer.alloc(0),
  };
}
