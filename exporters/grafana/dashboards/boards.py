"""Every dashboard there is, from the province down to the process."""

from typing import Final

from dashboards.host import agents, host
from dashboards.noun import Board
from dashboards.overview import province, region, tenant
from dashboards.proof import baseline, drills
from dashboards.storage import repositories
from dashboards.system import system

BOARDS: Final[tuple[Board, ...]] = (
    province(),
    region(),
    tenant(),
    system(),
    host(),
    repositories(),
    drills(),
    baseline(),
    agents(),
)
