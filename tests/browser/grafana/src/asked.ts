// What the Python beside this hands over: a dashboard, and what a Prometheus answered to each of its questions.

import { type DataFrame, type Field, getFieldDisplayValuesProxy, type ScopedVars } from '@grafana/data';

export interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

export interface Target {
  refId: string;
  expr: string;
  format?: string;
  legendFormat?: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: Record<string, unknown>; overrides: unknown[] };
  options: Record<string, unknown>;
  transformations?: Array<{ id: string; options: Record<string, unknown> }>;
  targets?: Target[];
}

export interface Asked {
  dashboard: { title: string; panels: Panel[] };
  language: 'zh' | 'en';
  theme: 'dark' | 'light';
  zone: string;
  /** Milliseconds since 1970: the moment that is shown as now, and where the time shown begins. */
  now: number;
  since: number;
  width: number;
  variables: Array<{ name: string; label: string; value: string; text: string }>;
  /** By panel, then by target. */
  answers: Record<string, Record<string, Series[]>>;
  /** By panel: milliseconds between two points of a chart. Where one is missing, its line is broken. */
  steps: Record<string, number>;
}

declare global {
  // eslint-disable-next-line no-var
  var ASKED: Asked;
}

export const asked: Asked = globalThis.ASKED;

/** `$name` and `${name}` as Grafana fills them in; in a link of a table `${__value.raw}` and `${__data.fields.label}` too. */
export function filled(text: string, scoped?: ScopedVars): string {
  const row = scoped?.__dataContext?.value as { frame: DataFrame; field: Field; rowIndex?: number } | undefined;
  if (row?.rowIndex !== undefined) {
    const { frame, field, rowIndex } = row;
    const fields = getFieldDisplayValuesProxy({ frame, rowIndex });
    text = text
      .replaceAll('${__value.raw}', String(field.values[rowIndex]))
      .replace(/\$\{__data\.fields\.(\w+)\}/g, (whole, label: string) => String(fields[label] ?? whole));
  }
  return asked.variables.reduce(
    (done, { name, text: value }) => done.replaceAll(`\${${name}}`, value).replaceAll(new RegExp(`\\$${name}\\b`, 'g'), value),
    text
  );
}
