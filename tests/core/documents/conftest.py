"""Puts this folder's toy model on the path, and one catalogue that uses all of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

FULL = """<catalogue id='7'>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
  <name>main</name>
  <metadata>
    <m:shelfmark xmlns:m="urn:example:marks" code="x">A 7</m:shelfmark>
  </metadata>
  <reader role='child' name='Ann' age='7'/>
  <reader role='senior'>
    <card>C-12</card>
  </reader>
  <reader name='Bob'/>
  <item kind='book' binding='hard' grade='A'>
    <title>Weights &amp; Measures &lt;2nd&gt;</title>
    <source press='Ox'>
      <pages unit='leaf'>312</pages>
    </source>
    <author born='1710' died='1790'>N. N.</author>
    <author>O. O.</author>
    <loan>
      <member>6695eb01-f6a4-8304-79aa-97f2502e193f</member>
    </loan>
    <loan guest='G' renewed='yes'>
      <deposit>20</deposit>
    </loan>
    <tag>old</tag>
    <tag>heavy</tag>
    <rare/>
    <borrowed>3</borrowed>
    <spot type='shelf' room='0x000a' row='3' note='it&apos;s dusty'/>
    <item kind='map' binding='soft'>
      <title>Folded in</title>
      <folds>8</folds>
    </item>
  </item>
  <item kind='disc' speed='45'>
    <title>Noise</title>
    <source label='L' side='2'>
      <rate>44.1</rate>
    </source>
    <spot type='drawer' drawer='d-1'>
      <label>one</label>
      <label>two</label>
    </spot>
  </item>
  <shape mode='round' size='big'>
    <label colour='red'/>
    <edge>sharp</edge>
  </shape>
  <shape mode='square' size='small'>
    <label colour='blue'/>
  </shape>
  <shape/>
  <spot type='cellar' note='wet'/>
</catalogue>
"""


@pytest.fixture
def full() -> str:
    """A valid catalogue in canonical form, with every kind of field in use."""
    return FULL
