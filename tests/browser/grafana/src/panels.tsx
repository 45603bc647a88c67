// One component a type of panel, each as thin as Grafana's own around the same parts of @grafana/ui.
import { applyNullInsertThreshold, type DataFrame, dateTime, FieldType, getDisplayValueAlignmentFactors, getFieldDisplayValues, type TimeRange } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { type ReactElement } from 'react';

import { asked, filled, type Panel } from './asked';
import { theme } from './fields';
import { StateTimeline } from './states';

export interface Drawn {
  panel: Panel;
  frames: DataFrame[];
  width: number;
  height: number;
}

const from = dateTime(asked.since);
const to = dateTime(asked.now);
export const range: TimeRange = { from, to, raw: { from, to } };

/* eslint-disable @typescript-eslint/no-explicit-any */
type Options = any; // whatever the dashboard's JSON says: the components know

const displayed = ({ panel, frames }: Drawn) => () =>
  getFieldDisplayValues({
    fieldConfig: panel.fieldConfig as any,
    reduceOptions: (panel.options as Options).reduceOptions,
    replaceVariables: filled,
    theme,
    data: frames,
    timeZone: asked.zone,
  });

function Stat(drawn: Drawn): ReactElement {
  const { panel, frames, width, height } = drawn;
  const options = panel.options as Options;
  return (
    <VizRepeater
      getValues={displayed(drawn)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, count, alignmentFactors }) => (
        <BigValue
          value={value.display} count={count} width={width} height={height} theme={theme} alignmentFactors={alignmentFactors}
          colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} text={options.text}
          textMode={options.textMode} disableWideLayout={!options.wideLayout}
          sparkline={options.graphMode === 'area' ? value.sparkline : undefined}
        />
      )}
      source={frames} width={width} height={height} itemSpacing={3} renderCounter={0} autoGrid orientation={options.orientation}
    />
  );
}

function Bars(drawn: Drawn): ReactElement {
  const { panel, frames, width, height } = drawn;
  const options = panel.options as Options;
  const size = options.sizing === 'manual' ? options : { minVizWidth: 8, minVizHeight: 16, maxVizHeight: 300 };
  return (
    <VizRepeater
      getValues={displayed(drawn)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, orientation, alignmentFactors }) => (
        <BarGauge
          value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          width={width} height={height} orientation={orientation} theme={theme} alignmentFactors={alignmentFactors}
          itemSpacing={8} displayMode={options.displayMode} showUnfilled={options.showUnfilled} text={options.text}
          valueDisplayMode={options.valueMode} namePlacement={options.namePlacement}
        />
      )}
      source={frames} width={width} height={height} itemSpacing={10} renderCounter={0} orientation={options.orientation}
      minVizHeight={size.minVizHeight} minVizWidth={size.minVizWidth} maxVizHeight={size.maxVizHeight}
    />
  );
}

function Lines({ panel, frames, width, height }: Drawn): ReactElement {
  const { legend } = panel.options as Options;
  // As Grafana does before it draws: the component alone breaks the lines of the first frame only.
  const broken = frames.map((frame) => applyNullInsertThreshold({ frame, refFieldPseudoMin: asked.since, refFieldPseudoMax: asked.now }));
  return <TimeSeries frames={broken} timeRange={range} timeZone={asked.zone} width={width} height={height} legend={legend} />;
}

function Rows({ panel, frames, width, height }: Drawn): ReactElement {
  const options = panel.options as Options;
  return (
    <TableNG
      data={frames[0]} width={width} height={height} noHeader={!options.showHeader} cellHeight={options.cellHeight}
      sortBy={options.sortBy} timeRange={range} fieldConfig={panel.fieldConfig as any} resizable enableVirtualization
      noValue={panel.fieldConfig.defaults.noValue as string} disableSanitizeHtml={false} columnMinWidth={150}
    />
  );
}

const KINDS: Record<string, (drawn: Drawn) => ReactElement> = {
  stat: Stat,
  bargauge: Bars,
  timeseries: Lines,
  table: Rows,
  'state-timeline': StateTimeline,
};

/** What Grafana shows where there is nothing; numbers alone have a way of their own to say so. */
function Nothing({ panel }: Drawn): ReactElement {
  const said = panel.fieldConfig.defaults.noValue as string | undefined;
  return <div className="nothing">{said ?? (asked.language === 'zh' ? '无数据' : 'No data')}</div>;
}

export function Drawing(drawn: Drawn): ReactElement {
  const { panel, frames } = drawn;
  const empty = !frames.some((frame) => frame.fields.some((field) => field.type !== FieldType.time && field.values.length));
  const Kind = empty && panel.type !== 'stat' && panel.type !== 'bargauge' ? Nothing : KINDS[panel.type];
  return <Kind {...drawn} />;
}
