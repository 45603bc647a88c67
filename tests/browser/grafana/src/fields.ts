// Units, thresholds, mappings, overrides and transformations: Grafana's own code, told what it has to know of a field.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  createTheme,
  type DataFrame,
  type FieldConfigPropertyItem,
  FieldConfigOptionsRegistry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
  type TransformerRegistryItem,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { asked, filled, type Panel } from './asked';

export const theme = createTheme({ colors: { mode: asked.theme } });

const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'thresholds', 'mappings', 'links', 'fieldMinMax'];
/** What types of panels add; an empty list is what the type does unasked. */
const CUSTOM: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, pointSize: 5, showPoints: 'auto',
    axisPlacement: 'auto', spanNulls: false, stacking: { mode: 'none', group: 'A' }, scaleDistribution: { type: 'linear' },
    hideFrom: { legend: false, tooltip: false, viz: false }, thresholdsStyle: { mode: 'off' }, gradientMode: 'none',
    lineStyle: { fill: 'solid' }, axisLabel: '', axisColorMode: 'text', barAlignment: 0, axisCenteredZero: false,
    axisBorderShow: false, axisSoftMin: undefined, axisSoftMax: undefined, axisWidth: undefined, fillBelowTo: undefined,
  },
  table: {
    align: 'auto', cellOptions: { type: 'auto' }, inspect: false, width: undefined, minWidth: undefined, filterable: false,
    hidden: false, hideHeader: false, wrapHeaderText: false, hideFrom: undefined, footer: undefined, tooltip: undefined,
  },
  'state-timeline': { lineWidth: 0, fillOpacity: 70 },
};

standardTransformersRegistry.setInit(() =>
  // Some stand in the list under two names.
  [...new Map(Object.values(standardTransformers).map((one) => [one.id as string, one])).values()].map(
    (one) => ({ ...one, transformation: () => Promise.resolve(one) }) as unknown as TransformerRegistryItem
  )
);

const taken = (path: string, isCustom: boolean): FieldConfigPropertyItem =>
  ({
    id: isCustom ? `custom.${path}` : path, path, name: path, isCustom,
    process: (value: unknown) => value, shouldApply: () => true, getItemsCount: () => 0,
  }) as unknown as FieldConfigPropertyItem; // it has no editor: nobody edits here

/** The panel's frames as it draws them: transformed, and with every field's configuration settled. */
export async function settled(panel: Panel, frames: DataFrame[]): Promise<DataFrame[]> {
  if (panel.type === 'row') {
    return [];
  }
  const transformed = await lastValueFrom(transformDataFrame(panel.transformations ?? [], frames, { interpolate: filled }));
  const custom = CUSTOM[panel.type] ?? {};
  const color = { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' };
  const defaults = panel.fieldConfig.defaults as { custom?: Record<string, unknown> };
  const done = applyFieldOverrides({
    data: transformed,
    fieldConfig: {
      defaults: { color, ...defaults, custom: { ...custom, ...defaults.custom } },
      overrides: panel.fieldConfig.overrides as [],
    },
    fieldConfigRegistry: new FieldConfigOptionsRegistry(() => [
      ...STANDARD.map((path) => taken(path, false)),
      ...Object.keys(custom).map((path) => taken(path, true)),
    ]),
    replaceVariables: filled,
    theme,
    timeZone: asked.zone,
  });
  cacheFieldDisplayNames(done);
  return done;
}
