// Grafana keeps its state timeline to itself: @grafana/ui does not export one. Bands of the same colours stand in for it.
import { getFieldDisplayName } from '@grafana/data';
import { VizLegend, LegendDisplayMode } from '@grafana/ui';
import { type ReactElement } from 'react';

import { asked } from './asked';
import { theme } from './fields';
import { type Drawn } from './panels';

const LEGEND = 32;
const AXIS = 20;
const TICKS = 6;

export function StateTimeline({ panel, frames, width, height }: Drawn): ReactElement {
  const rows = frames.flatMap((frame) => {
    const [time, ...values] = frame.fields;
    return values.map((field) => ({ name: getFieldDisplayName(field, frame, frames), time: time.values as number[], field }));
  });
  const names = Math.min(240, 20 + 7 * Math.max(0, ...rows.map((row) => row.name.length)));
  const inside = width - names;
  const x = (at: number) => names + (inside * (at - asked.since)) / (asked.now - asked.since);
  const each = (height - LEGEND - AXIS) / Math.max(1, rows.length);
  const said = new Map<string, string>();
  const bands = rows.flatMap(({ time, field }, row) =>
    time.map((at, index) => {
      const shown = field.display!(field.values[index]);
      said.set(shown.text, shown.color ?? '');
      if (index > 0 && field.values[index] === field.values[index - 1]) {
        return null;
      }
      const next = time.findIndex((_at, later) => later > index && field.values[later] !== field.values[index]);
      const until = next < 0 ? asked.now : time[next];
      return <rect key={`${row} ${at}`} x={x(at)} width={Math.max(0, x(until) - x(at))} y={row * each + each * 0.05} height={each * 0.9} fill={shown.color} />;
    })
  );
  const moments = Array.from({ length: TICKS }, (_, index) => asked.since + ((index + 0.5) * (asked.now - asked.since)) / TICKS);
  const stamp = new Intl.DateTimeFormat('zh-CN', { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', timeZone: asked.zone });
  return (
    <div>
      <svg width={width} height={height - LEGEND} style={{ fontSize: 12, fill: theme.colors.text.primary }}>
        {bands}
        {rows.map(({ name }, row) => (
          <text key={name} x={names - 8} y={(row + 0.5) * each + 4} textAnchor="end">{name}</text>
        ))}
        {moments.map((at) => (
          <text key={at} x={x(at)} y={height - LEGEND - 4} textAnchor="middle">{stamp.format(at)}</text>
        ))}
      </svg>
      <VizLegend
        placement="bottom" displayMode={LegendDisplayMode.List}
        items={[...said].map(([label, color]) => ({ label, color, yAxis: 1 }))}
      />
    </div>
  );
}
