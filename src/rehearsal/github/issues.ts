import {
  type Answer,
  type Call,
  invalidField,
  invalidRequest,
  isoSeconds,
  notFound,
  pageAnswer,
  textField,
  textsField,
} from './answer.js';

export interface StoredIssue {
  readonly number: number;
  title: string;
  body: string | null;
  state: 'open' | 'closed';
  stateReason: string | null;
  labels: string[];
  readonly createdAtMs: number;
  updatedAtMs: number;
  closedAtMs: number | null;
  /** Pull requests stand in the same list, as on GitHub. */
  readonly isPullRequest: boolean;
  readonly comments: Array<{readonly id: number; readonly body: string; readonly createdAtMs: number}>;
}

/** The Issues API of one repository. */
export class Issues {
  /** Oldest first. */
  readonly all: StoredIssue[] = [];
  readonly labels = new Map<string, {color: string; description: string}>();
  #nextId = 2_500_000_001;

  constructor(private readonly now: () => number) {}

  add(title: string, body: string | null, labels: readonly string[], isPullRequest = false): StoredIssue {
    for (const label of labels) if (!this.labels.has(label)) this.labels.set(label, {color: 'ededed', description: ''});
    const nowMs = this.now();
    const issue: StoredIssue = {
      number: this.all.length + 1,
      title,
      body,
      state: 'open',
      stateReason: null,
      labels: [...labels],
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      closedAtMs: null,
      isPullRequest,
      comments: [],
    };
    this.all.push(issue);
    return issue;
  }

  create(call: Call): Answer {
    const title = textField(call, 'title', true);
    const issue = this.add(
      checkedTitle(title),
      checkedBody('Issue', textField(call, 'body') ?? null),
      textsField(call, 'labels') ?? [],
    );
    return {status: 201, body: render(call, issue)};
  }

  list(call: Call): Answer {
    const state = call.query.get('state') ?? 'open';
    if (!['open', 'closed', 'all'].includes(state)) throw invalidField('Issue', 'state', 'invalid');
    const labels = (call.query.get('labels') ?? '').split(',').filter(Boolean);
    const sinceMs = Date.parse(call.query.get('since') ?? '');
    const found = this.all.filter(
      (issue) =>
        (state === 'all' || issue.state === state) &&
        labels.every((label) => issue.labels.some((own) => own.toLowerCase() === label.toLowerCase())) &&
        !(issue.updatedAtMs < sinceMs),
    );
    const ordered = call.query.get('direction') === 'asc' ? found : found.reverse();
    return pageAnswer(
      call,
      '/issues',
      ordered.map((issue) => render(call, issue)),
    );
  }

  get(call: Call): Answer {
    return {status: 200, body: render(call, this.#find(call))};
  }

  update(call: Call): Answer {
    const issue = this.#find(call);
    const [title, body, state] = [textField(call, 'title'), textField(call, 'body'), textField(call, 'state')];
    if (state !== undefined && state !== 'open' && state !== 'closed')
      throw invalidRequest(`For 'properties/state', ${state} is not one of: open, closed.`);
    if (title !== undefined) issue.title = checkedTitle(title);
    if (body !== undefined) issue.body = checkedBody('Issue', body);
    if (state !== undefined && state !== issue.state) {
      issue.state = state;
      issue.closedAtMs = state === 'closed' ? this.now() : null;
      issue.stateReason = textField(call, 'state_reason') ?? (state === 'closed' ? 'completed' : 'reopened');
    }
    const labels = textsField(call, 'labels');
    if (labels) issue.labels = labels;
    issue.updatedAtMs = this.now();
    return {status: 200, body: render(call, issue)};
  }

  listComments(call: Call): Answer {
    const issue = this.#find(call);
    return pageAnswer(
      call,
      `/issues/${issue.number}/comments`,
      issue.comments.map((comment) => renderComment(call, issue, comment)),
    );
  }

  comment(call: Call): Answer {
    const issue = this.#find(call);
    const body = checkedBody('IssueComment', textField(call, 'body', true)) ?? '';
    if (body.trim() === '') throw invalidField('IssueComment', 'body', 'custom', 'body cannot be blank');
    const comment = {id: this.#nextId++, body, createdAtMs: this.now()};
    issue.comments.push(comment);
    issue.updatedAtMs = this.now();
    return {status: 201, body: renderComment(call, issue, comment)};
  }

  addLabels(call: Call): Answer {
    const issue = this.#find(call);
    for (const label of textsField(call, 'labels') ?? []) {
      if (!this.labels.has(label)) this.labels.set(label, {color: 'ededed', description: ''});
      if (!issue.labels.includes(label)) issue.labels.push(label);
    }
    return {status: 200, body: issue.labels.map((name) => this.#renderLabel(name))};
  }

  createLabel(call: Call): Answer {
    const name = textField(call, 'name', true);
    if ([...this.labels.keys()].some((known) => known.toLowerCase() === name.toLowerCase()))
      throw invalidField('Label', 'name', 'already_exists');
    const color = textField(call, 'color') ?? 'ededed';
    if (!/^[0-9a-fA-F]{6}$/.test(color)) throw invalidField('Label', 'color', 'invalid');
    this.labels.set(name, {color, description: textField(call, 'description') ?? ''});
    return {status: 201, body: this.#renderLabel(name)};
  }

  listLabels(call: Call): Answer {
    return pageAnswer(
      call,
      '/labels',
      [...this.labels.keys()].map((name) => this.#renderLabel(name)),
    );
  }

  getLabel(call: Call): Answer {
    const name = call.params.name ?? '';
    if (!this.labels.has(name)) throw notFound();
    return {status: 200, body: this.#renderLabel(name)};
  }

  #renderLabel(name: string): object {
    return {name, ...this.labels.get(name), default: false};
  }

  #find(call: Call): StoredIssue {
    const found = this.all.find((issue) => String(issue.number) === call.params.issue_number);
    if (!found) throw notFound();
    return found;
  }
}

function checkedTitle(title: string): string {
  if (title.trim() === '') throw invalidField('Issue', 'title', 'missing_field');
  if (title.length > 256)
    throw invalidField('Issue', 'title', 'custom', 'title is too long (maximum is 256 characters)');
  return title;
}

function checkedBody(resource: string, body: string | null): string | null {
  if ((body ?? '').length > 65_536)
    throw invalidField(resource, 'body', 'custom', 'body is too long (maximum is 65536 characters)');
  return body;
}

function render(call: Call, issue: StoredIssue): object {
  const kind = issue.isPullRequest ? 'pull' : 'issues';
  return {
    url: `${call.repositoryUrl}/issues/${issue.number}`,
    html_url: `${call.pageUrl}/${kind}/${issue.number}`,
    comments_url: `${call.repositoryUrl}/issues/${issue.number}/comments`,
    id: 3_000_000_000 + issue.number,
    number: issue.number,
    title: issue.title,
    body: issue.body,
    user: {login: 'github-actions[bot]', type: 'Bot'},
    labels: issue.labels.map((name) => ({name})),
    state: issue.state,
    state_reason: issue.stateReason,
    locked: false,
    comments: issue.comments.length,
    created_at: isoSeconds(issue.createdAtMs),
    updated_at: isoSeconds(issue.updatedAtMs),
    closed_at: issue.closedAtMs === null ? null : isoSeconds(issue.closedAtMs),
    ...(issue.isPullRequest ? {pull_request: {url: `${call.repositoryUrl}/pulls/${issue.number}`}} : {}),
  };
}

function renderComment(call: Call, issue: StoredIssue, comment: StoredIssue['comments'][number]): object {
  return {
    id: comment.id,
    url: `${call.repositoryUrl}/issues/comments/${comment.id}`,
    html_url: `${call.pageUrl}/issues/${issue.number}#issuecomment-${comment.id}`,
    body: comment.body,
    user: {login: 'github-actions[bot]', type: 'Bot'},
    created_at: isoSeconds(comment.createdAtMs),
    updated_at: isoSeconds(comment.createdAtMs),
  };
}
