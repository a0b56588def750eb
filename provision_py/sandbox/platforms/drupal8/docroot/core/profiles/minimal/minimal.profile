<?php

/** @file Profile. */
