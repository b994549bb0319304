export type Actions = 'pull' | 'pull,push';

/** What a request needs: a token's scopes in the distribution project's grammar. */
export function scopesFor(
  repository: string | undefined,
  actions: Actions,
  mountFrom?: string,
): readonly string[] {
  return [
    ...(repository === undefined ? [] : [`repository:${repository}:${actions}`]),
    ...(mountFrom === undefined ? [] : [`repository:${mountFrom}:pull`]),
  ];
}

/**
 * The scopes a challenge tells and those we need besides. A registry tells only those of the request
 * it refused, which may be fewer than those of the next.
 */
export function mergeScopes(told: readonly string[], needed: readonly string[]): readonly string[] {
  const more = told.filter((scope) => !needed.some((wider) => covers(wider, scope)));
  return [...more, ...needed.filter((scope) => !more.some((wider) => covers(wider, scope)))];
}

function covers(wider: string, scope: string): boolean {
  const [name, actions] = split(wider);
  const [wantedName, wantedActions] = split(scope);
  return name === wantedName && wantedActions.every((action) => actions.includes(action));
}

function split(scope: string): readonly [string, readonly string[]] {
  const colon = scope.lastIndexOf(':');
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')];
}
