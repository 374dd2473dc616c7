/** What a release needs to find. */
export interface Requirements {
  readonly requiredVariables: readonly string[];
  readonly repository?: string;
  readonly commit?: string;
}

export interface PreflightPlan {
  readonly allowAutoDeploy: boolean | undefined;
  readonly source?: 'commit' | 'image' | 'upload';
  readonly image?: string;
  readonly mask: (value: string) => void;
}
