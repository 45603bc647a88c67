// From Prometheus' answers to data frames, as Grafana's own data source makes them.
import { type DataFrame, type Field, FieldType, toDataFrame } from '@grafana/data';

import { asked, type Panel, type Series, type Target } from './asked';

export function framesOf(panel: Panel, answers: Record<string, Series[]>): DataFrame[] {
  const targets = panel.targets ?? [];
  const tables = targets.filter((target) => target.format === 'table').length;
  return targets.flatMap((target) => {
    const found = answers[target.refId] ?? [];
    if (target.format === 'table') {
      return found.length ? [tableOf(target, found, tables > 1)] : [];
    }
    return found.map((series) => seriesOf(target, series, asked.steps[panel.id]));
  });
}

function seriesOf(target: Target, series: Series, interval: number): DataFrame {
  const points = series.values ?? (series.value ? [series.value] : []);
  const { __name__: name, ...labels } = series.metric;
  const said = legend(target.legendFormat, series.metric);
  return toDataFrame({
    refId: target.refId,
    name: said ?? name ?? target.expr,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([at]) => at * 1000), config: { interval } },
      {
        name: 'Value',
        type: FieldType.number,
        values: points.map(([, value]) => Number(value)),
        labels,
        config: said === undefined ? {} : { displayNameFromDS: said },
      },
    ],
  });
}

/** `__auto` leaves the name to Grafana, which makes it of the labels. */
function legend(format: string | undefined, labels: Record<string, string>): string | undefined {
  if (!format || format === '__auto') {
    return undefined;
  }
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_whole, label: string) => labels[label] ?? '');
}

function tableOf(target: Target, found: Series[], several: boolean): DataFrame {
  const labels = [...new Set(found.flatMap((series) => Object.keys(series.metric)))].sort();
  const columns: Array<Partial<Field>> = labels.map((label) => ({
    name: label,
    type: FieldType.string,
    values: found.map((series) => series.metric[label] ?? ''),
    config: { filterable: true },
  }));
  const at = found.map((series) => (series.value?.[0] ?? 0) * 1000);
  const values = found.map((series) => Number(series.value?.[1]));
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: at, config: {} },
      ...columns,
      { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values, config: {} },
    ],
  });
}
