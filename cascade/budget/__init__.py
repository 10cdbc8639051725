"""Budgets by task, run and day: reserved before each call, settled after."""

from __future__ import annotations

from cascade.budget.base import PATIENCE_S as PATIENCE_S
from cascade.budget.base import Budget as Budget
from cascade.budget.base import MemoryPurse as MemoryPurse
from cascade.budget.base import Purse as Purse
from cascade.budget.base import Reservation as Reservation
from cascade.budget.base import Spent as Spent
from cascade.budget.file import BudgetFile as BudgetFile
from cascade.budget.file import open_budget as open_budget
from cascade.budget.inspect import Period as Period
from cascade.budget.inspect import periods as periods
from cascade.budget.inspect import reset as reset
