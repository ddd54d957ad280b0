export function messagesOf(text: string): { readonly kind: string; readonly words: string; readonly index: number }[];
