export function hostMirror(): string | undefined;
