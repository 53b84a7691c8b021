import type { Json } from '../language/json.js';

/** Shorter values would blank out half of every text; a secret this short protects nothing. */
const shortest = 4;

/** Replaces secret values, and what common encodings make of them, by their names. */
export class Redactor {
  private readonly forms = new Map<string, string>();
  /** Characters that may have to be held back while text streams: a secret can lie across two chunks. */
  longest = 0;

  add(name: string, value: string): void {
    if (value.length < shortest) return;
    const bytes = Buffer.from(value);
    const forms = [
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      bytes.toString('base64'),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
    ];
    for (const form of forms) {
      this.forms.set(form, `[secret ${name}]`);
      this.longest = Math.max(this.longest, form.length);
    }
  }

  text(text: string): string {
    let result = text;
    // Longest first, so that no form is broken up by a shorter one inside it.
    for (const [form, mark] of [...this.forms].sort(([a], [b]) => b.length - a.length))
      result = result.replaceAll(form, mark);
    return result;
  }

  json(value: Json): Json {
    if (this.forms.size === 0) return value;
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((each) => this.json(each));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [this.text(key), this.json(each)]),
    );
  }
}
